import { randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { messageOf, SlipwayError, systemCode } from "../errors.ts";
import { packFiles, unpackInto } from "./archive.ts";
import type { ContentStore } from "./content-store.ts";
import { digestOfFolder } from "./folder-digest.ts";

/** A built service in the store; `digest` is that of the folder's content, not of the archive that carries it. */
export interface ServiceArtifact {
  digest: string;
  sizeBytes: number;
}

/** Stores a folder that a build left behind. Throws `artifact_invalid` when it is empty, missing or holds links. */
export async function storeServiceFolder(artifacts: ContentStore, folder: string): Promise<ServiceArtifact> {
  const { digest, files } = await digestOfFolder(folder);
  if (files.length === 0) {
    throw new SlipwayError(
      "artifact_invalid",
      `the folder ${path.basename(folder)} is empty after the build`,
    );
  }
  const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  if (!(await artifacts.has(digest))) {
    const entries = files.map((file) => ({
      kind: "file" as const,
      path: file.path,
      executable: file.executable,
    }));
    await artifacts.putAs(digest, packFiles(folder, entries));
  }
  return { digest, sizeBytes };
}

/**
 * A read-only folder with the content of a stored service, shared by every deployment that uses it. Throws `artifact_missing`, or `artifact_damaged` when the stored
 * bytes do not have the digest any more.
 */
export async function unpackedServiceFolder(artifacts: ContentStore, digest: string): Promise<string> {
  const folder = path.join(artifacts.root, "unpacked", path.basename(artifacts.pathOf(digest)));
  if (await isFolder(folder)) return folder;
  const archive = await artifacts.fetch(digest);
  const temporary = path.join(artifacts.root, "incoming", randomUUID());
  try {
    await mkdir(temporary, { recursive: true, mode: 0o755 });
    await unpackInto(createReadStream(archive), temporary, { readOnly: true }).catch((error: unknown) => {
      throw new SlipwayError(
        "artifact_damaged",
        `the archive of ${digest} cannot be read: ${messageOf(error)}`,
      );
    });
    const unpacked = await digestOfFolder(temporary);
    if (unpacked.digest !== digest) {
      throw new SlipwayError(
        "artifact_damaged",
        `the stored bytes of ${digest} are those of ${unpacked.digest}`,
        {
          remedy: "Restore the database from a backup, or change the service and deploy it.",
        },
      );
    }
    await mkdir(path.dirname(folder), { recursive: true, mode: 0o755 });
    await rename(temporary, folder);
  } catch (error) {
    // Another attempt was faster; its folder has the same content.
    if (!(await isFolder(folder))) throw error;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return folder;
}

async function isFolder(folder: string): Promise<boolean> {
  try {
    return (await stat(folder)).isDirectory();
  } catch (error) {
    if (systemCode(error) === "ENOENT") return false;
    throw error;
  }
}
