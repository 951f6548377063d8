import { randomUUID } from "node:crypto";
import { link, mkdir, open, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { Readable } from "node:stream";
import { unpackInto } from "../artifacts/archive.ts";
import { SlipwayError, systemCode } from "../errors.ts";
import { readFileKey } from "../secrets/file-key.ts";
import type { KeySettings } from "../secrets/key-settings.ts";
import type { Keys } from "./manifest.ts";

/** Puts files of a backup into place and can take back what it has put there. What was there before is never touched. */
export interface FilePlacer {
  /** Throws SlipwayError `not_empty` when another key is in the place of one. */
  keys(files: Keys["files"], settings: KeySettings): Promise<void>;
  dependencies(dataDir: string, set: string, content: AsyncIterable<Buffer>): Promise<void>;
  /** Removes everything that was placed. */
  undo(): Promise<void>;
}

export function filePlacer(): FilePlacer {
  const placed: string[] = [];
  return {
    async keys(files, settings) {
      for (const file of files) {
        const place = placeOf(file, files, settings);
        const present = await readFileKey(place);
        if (present?.id === file.id) continue;
        if (present !== undefined) {
          throw new SlipwayError("not_empty", `${place} holds another key (${present.id}).`, {
            remedy: "Restore into a data folder that is not there yet: SLIPWAY_DATA_DIR names one.",
          });
        }
        await writeNew(place, file.content);
        placed.push(place);
      }
    },
    async dependencies(dataDir, set, content) {
      const root = path.join(path.resolve(dataDir), "dependencies");
      const destination = path.join(root, set);
      if (await exists(destination)) return;
      const draft = path.join(root, `.restoring-${randomUUID()}`);
      await mkdir(draft, { recursive: true, mode: 0o700 });
      try {
        await unpackInto(Readable.from(content, { objectMode: false }), draft);
        await rename(draft, destination);
        placed.push(destination);
      } finally {
        await rm(draft, { recursive: true, force: true });
      }
    },
    async undo() {
      for (const place of placed.splice(0)) await rm(place, { recursive: true, force: true });
    },
  };
}

function placeOf(file: Keys["files"][number], files: Keys["files"], settings: KeySettings): string {
  if (file.role === "default") return settings.defaultFile;
  const { choice } = settings;
  if (choice.provider === "file" && choice.file !== settings.defaultFile) return choice.file;
  if (files.length === 1) return settings.defaultFile;
  throw new SlipwayError("key_unavailable", `The backup holds two keys, and ${file.id} has no place here.`, {
    remedy: "Set SLIPWAY_KEY=file:<path> to where it is to be put, for this command and for Slipway.",
  });
}

async function writeNew(place: string, content: string): Promise<void> {
  await mkdir(path.dirname(place), { recursive: true, mode: 0o700 });
  const draft = `${place}.${randomUUID()}`;
  const handle = await open(draft, "wx", 0o600);
  try {
    await handle.writeFile(content);
    await handle.sync();
    // Unlike a rename, a link never replaces what another process has made meanwhile.
    await link(draft, place);
  } finally {
    await handle.close();
    await rm(draft, { force: true });
  }
}

async function exists(place: string): Promise<boolean> {
  try {
    await stat(place);
    return true;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return false;
    throw error;
  }
}
