import { messageOf, SlipwayError } from "../../errors.ts";
import { parseS3Url } from "./s3-url.ts";
import type { SourceObject, StateSource } from "./source.ts";

/** Where S3 clients go that were told no region; S3 itself answers with the right one. */
const DEFAULT_REGION = "us-east-1";

/** Opens the bucket of an `s3://` backend with the caller's own AWS credentials. Asks nothing before the first call. */
export async function openS3Source(
  given: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<StateSource> {
  const { S3Client, paginateListObjectsV2, GetObjectCommand } = await import("@aws-sdk/client-s3");
  const place = parseS3Url(given);
  const region = place.region ?? env.AWS_REGION ?? env.AWS_DEFAULT_REGION ?? DEFAULT_REGION;
  const client = new S3Client({
    region,
    followRegionRedirects: true,
    forcePathStyle: place.pathStyle,
    ...(place.endpoint === null ? {} : { endpoint: place.endpoint }),
    ...(place.profile === null ? {} : { profile: place.profile }),
  });
  const failed = (what: string, cause: unknown): SlipwayError =>
    new SlipwayError(
      "source_unreadable",
      `${what} in the bucket ${place.bucket} failed: ${messageOf(cause)}.`,
      {
        cause,
        remedy:
          "Check the bucket's name, region and endpoint, and that your AWS credentials may list and read it.",
      },
    );
  return {
    label: `s3://${place.bucket}/${place.prefix}`.replace(/\/$/, ""),
    list: async (prefix) => {
      const found: SourceObject[] = [];
      try {
        const pages = paginateListObjectsV2(
          { client },
          { Bucket: place.bucket, Prefix: place.prefix + prefix },
        );
        for await (const page of pages) {
          for (const { Key: key, LastModified: modifiedAt } of page.Contents ?? []) {
            if (key !== undefined && !key.endsWith("/"))
              found.push({ key: key.slice(place.prefix.length), modifiedAt: modifiedAt ?? new Date(0) });
          }
        }
      } catch (cause) {
        throw failed("Listing", cause);
      }
      return found.sort((a, b) => (a.key < b.key ? -1 : 1));
    },
    read: async (key) => {
      try {
        const answer = await client.send(
          new GetObjectCommand({ Bucket: place.bucket, Key: place.prefix + key }),
        );
        return (await answer.Body?.transformToByteArray()) ?? new Uint8Array();
      } catch (cause) {
        if (cause instanceof Error && cause.name === "NoSuchKey")
          throw new SlipwayError("source_object_missing", `${key} is not there any more.`, { cause });
        throw failed(`Reading ${key}`, cause);
      }
    },
    close: () => client.destroy(),
  };
}
