import type { CliContext } from "../context.ts";
import { usageError } from "../failure.ts";
import { folderOfFileUrl, openFileSource } from "./file-source.ts";
import { openS3Source } from "./s3-source.ts";
import type { StateSource } from "./source.ts";

/** Opens what --from names. Throws a usage error for a kind that Slipway cannot read, with the way around it. */
export async function openSource(context: CliContext, url: string): Promise<StateSource> {
  if (url.startsWith("file://")) return openFileSource(folderOfFileUrl(url, context.cwd));
  if (url.startsWith("s3://")) return openS3Source(url, context.env);
  const remedy =
    "Copy the backend's .pulumi folder to this machine and import it with --from file://<folder>.";
  if (/^(gs|azblob):\/\//.test(url))
    throw usageError(`${url} is of a kind that is not read directly.`, remedy);
  if (url.startsWith("postgres://"))
    throw usageError(
      "A postgres:// backend is not read directly.",
      "Move each stack through `pulumi stack export` and `pulumi stack import`.",
    );
  if (/^https?:\/\//.test(url))
    throw usageError(
      "Stacks of Pulumi Cloud are encrypted with a key that only Pulumi Cloud has.",
      "Export each with `pulumi stack export --show-secrets` there, and `pulumi stack import` it here.",
    );
  throw usageError(
    `${JSON.stringify(url)} is no address of a backend.`,
    "Write it as file://<folder> or s3://<bucket>/<prefix>.",
  );
}
