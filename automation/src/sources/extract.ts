import { mkdir } from "node:fs/promises";
import { unpackInto } from "../artifacts/archive.ts";
import type { ContentStore } from "../artifacts/content-store.ts";
import type { ProjectFiles } from "./project-files.ts";
import { readProjectFiles } from "./project-files.ts";

/** Unpacks a stored source into a new folder, verified against its digest, and reads its root files. Throws `artifact_missing`, `artifact_damaged` or `source_invalid`. */
export async function extractSource(
  artifacts: ContentStore,
  digest: string,
  folder: string,
): Promise<ProjectFiles> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await unpackInto(await artifacts.read(digest), folder);
  return readProjectFiles(folder);
}
