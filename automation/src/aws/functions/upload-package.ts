import { HeadObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { SlipwayError } from "../../errors.ts";
import { nameOf, statusOf } from "../failures.ts";
import { ask, type Shipping } from "../shipping.ts";
import { base64Of, type FunctionPackage } from "./package-function.ts";

/** The key was being written by another upload; after that it is there, or may be written. */
const CONFLICT = 409;
const TRIES = 3;

/** Uploads a package unless its content is there already, and answers the object's version. */
export async function uploadPackage(
  shipping: Shipping,
  { key, bytes, sha256 }: FunctionPackage,
): Promise<string> {
  const Bucket = shipping.manifest.artifactsBucket;
  const resource = `s3://${Bucket}/${key}`;
  const put = () =>
    ask(shipping, { operation: "s3:PutObject", resource }, async (options) => {
      for (let tried = 1; ; tried++) {
        try {
          return await shipping.s3.send(
            new PutObjectCommand({
              Bucket,
              Key: key,
              Body: bytes,
              ContentType: "application/zip",
              ChecksumAlgorithm: "SHA256",
              ChecksumSHA256: base64Of(sha256),
              IfNoneMatch: "*",
            }),
            options,
          );
        } catch (thrown) {
          if (nameOf(thrown) === "PreconditionFailed") return undefined;
          if (statusOf(thrown) !== CONFLICT || tried === TRIES) throw thrown;
        }
      }
    });
  const uploaded = (await put()) ?? (await present(shipping, Bucket, key, sha256));
  return versioned(uploaded.VersionId, Bucket);
}

/** The object that is there under the key of the content; it must be that content. */
async function present(
  shipping: Shipping,
  Bucket: string,
  key: string,
  sha256: string,
): Promise<{ VersionId?: string | undefined }> {
  const resource = `s3://${Bucket}/${key}`;
  const found = await ask(shipping, { operation: "s3:GetObject", resource }, (options) =>
    shipping.s3.send(new HeadObjectCommand({ Bucket, Key: key, ChecksumMode: "ENABLED" }), options),
  );
  if (found.ChecksumSHA256 === base64Of(sha256)) return found;
  throw new SlipwayError("aws_conflict", `${resource} is not the package that its name says.`, {
    remedy: "Find out who wrote it, remove it, and deploy again.",
  });
}

/** The version of an object that was written. Throws when the bucket keeps none: nothing could be put back then. */
export function versioned(version: string | undefined, bucket: string): string {
  if (version !== undefined && version !== "null") return version;
  throw new SlipwayError("aws_refused", `The bucket ${bucket} keeps no versions of its objects.`, {
    remedy: "Turn on the bucket's versioning, then deploy again: without it nothing can be put back.",
  });
}
