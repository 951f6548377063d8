import {
  CopyObjectCommand,
  DeleteObjectsCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { SlipwayError } from "../../errors.ts";
import { base64Of } from "../functions/package-function.ts";
import { versioned } from "../functions/upload-package.ts";
import { ask, type Shipping } from "../shipping.ts";
import type { SiteFile } from "./files.ts";

/** What the site's bucket holds. */
export interface BucketContent {
  /** The version that is served, by key; a deleted key is not there. */
  current: ReadonlyMap<string, string>;
  /** Whether a version can still be copied back. */
  has: (key: string, versionId: string) => boolean;
}

/** S3 takes this many keys in one request. */
const DELETED_AT_ONCE = 1_000;

/** Lists every version of every object. */
export async function listBucket(shipping: Shipping): Promise<BucketContent> {
  const Bucket = shipping.manifest.site.bucket;
  const current = new Map<string, string>();
  const versions = new Set<string>();
  let KeyMarker: string | undefined;
  let VersionIdMarker: string | undefined;
  do {
    const page = await ask(
      shipping,
      { operation: "s3:ListBucketVersions", resource: `s3://${Bucket}` },
      (options) =>
        shipping.s3.send(
          new ListObjectVersionsCommand({
            Bucket,
            ...(KeyMarker === undefined ? {} : { KeyMarker }),
            ...(VersionIdMarker === undefined ? {} : { VersionIdMarker }),
          }),
          options,
        ),
    );
    for (const { Key = "", VersionId = "", IsLatest } of page.Versions ?? []) {
      versions.add(nameOf(Key, VersionId));
      if (IsLatest === true) current.set(Key, VersionId);
    }
    KeyMarker = page.IsTruncated === true ? page.NextKeyMarker : undefined;
    VersionIdMarker = page.NextVersionIdMarker;
  } while (KeyMarker !== undefined);
  return { current, has: (key, versionId) => versions.has(nameOf(key, versionId)) };
}

/** No version id holds a blank. */
const nameOf = (key: string, versionId: string): string => `${versionId} ${key}`;

/** Uploads a file and answers its version. S3 refuses bytes that are not those of the digest. */
export async function putFile(shipping: Shipping, file: SiteFile, body: Uint8Array): Promise<string> {
  const Bucket = shipping.manifest.site.bucket;
  const put = await ask(
    shipping,
    { operation: "s3:PutObject", resource: `s3://${Bucket}/${file.key}` },
    (options) =>
      shipping.s3.send(
        new PutObjectCommand({
          Bucket,
          Key: file.key,
          Body: body,
          ContentType: file.contentType,
          CacheControl: file.cacheControl,
          ChecksumAlgorithm: "SHA256",
          ChecksumSHA256: base64Of(file.sha256),
        }),
        options,
      ),
  );
  return versioned(put.VersionId, Bucket);
}

/** Makes an earlier version of an object the one that is served, with the headers that it had, and answers the id that it has now. */
export async function copyBack(shipping: Shipping, key: string, versionId: string): Promise<string> {
  const Bucket = shipping.manifest.site.bucket;
  const path = key.split("/").map(encodeURIComponent).join("/");
  const copied = await ask(
    shipping,
    { operation: "s3:PutObject", resource: `s3://${Bucket}/${key} (from version ${versionId})` },
    (options) =>
      shipping.s3.send(
        new CopyObjectCommand({
          Bucket,
          Key: key,
          CopySource: `${Bucket}/${path}?versionId=${encodeURIComponent(versionId)}`,
        }),
        options,
      ),
  );
  return versioned(copied.VersionId, Bucket);
}

/** Hides keys behind delete markers: their versions stay and can be copied back. */
export async function hideKeys(shipping: Shipping, keys: readonly string[]): Promise<void> {
  const Bucket = shipping.manifest.site.bucket;
  for (let first = 0; first < keys.length; first += DELETED_AT_ONCE) {
    const Objects = keys.slice(first, first + DELETED_AT_ONCE).map((Key) => ({ Key }));
    const { Errors = [] } = await ask(
      shipping,
      { operation: "s3:DeleteObject", resource: `s3://${Bucket}` },
      (options) =>
        shipping.s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }), options),
    );
    const [refused] = Errors;
    if (refused !== undefined) {
      throw new SlipwayError(
        refused.Code === "AccessDenied" ? "aws_denied" : "aws_refused",
        `s3:DeleteObject of s3://${Bucket}/${refused.Key ?? ""}: ${refused.Code ?? ""}, ${refused.Message ?? ""}.`,
        { remedy: "Allow the deploying role s3:DeleteObject on the site's bucket, then deploy again." },
      );
    }
  }
}
