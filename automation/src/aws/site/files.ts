import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import type { AwsManifest } from "../../contract/aws/manifest.ts";
import { SlipwayError } from "../../errors.ts";
import { atOnce } from "../at-once.ts";
import { walkFolder } from "../walk-folder.ts";
import { cacheControlOf, contentTypeOf } from "./headers.ts";

/** A file of the site that is to be served. */
export interface SiteFile {
  key: string;
  sha256: string;
  contentType: string;
  cacheControl: string;
}

/** The site as it was built, with its generated configuration; `read` answers a file's bytes. */
export interface BuiltSite {
  files: readonly SiteFile[];
  read: (key: string) => Promise<Uint8Array>;
}

const READ_AT_ONCE = 16;

/** Reads a built site. Throws `package_invalid` when it has no page. */
export async function readSite(
  { folder, configFile }: { folder: string; configFile: string | null },
  manifest: AwsManifest,
  version: string,
): Promise<BuiltSite> {
  const built = (await walkFolder(folder)).filter((key) => key !== configFile);
  if (!built.includes("index.html")) {
    throw new SlipwayError("package_invalid", "The site has no index.html.", {
      remedy: "Let the build write the site's pages into the folder that slipway.yaml names.",
    });
  }
  const configuration = Buffer.from(`${JSON.stringify(siteConfiguration(manifest, version), null, 2)}\n`);
  const read = async (key: string): Promise<Uint8Array> =>
    key === configFile ? configuration : readFile(path.join(folder, key));
  const keys = configFile === null ? built : [...built, configFile];
  const files = await atOnce(keys, READ_AT_ONCE, async (key) => ({
    key,
    sha256: createHash("sha256")
      .update(await read(key))
      .digest("hex"),
    contentType: contentTypeOf(key),
    cacheControl: cacheControlOf(key, configFile),
  }));
  return { files, read };
}

/** What a page is told of the stack that serves it: public, so nothing secret. */
function siteConfiguration(manifest: AwsManifest, version: string): object {
  const { url, basePath = "" } = manifest.api;
  return {
    apiUrl: `${url.replace(/\/+$/, "")}${basePath}`,
    environment: manifest.environment,
    version,
    flags: manifest.site.flags,
  };
}
