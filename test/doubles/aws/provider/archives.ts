import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { strToU8, zipSync } from "fflate";
import { isRecord } from "./kind.ts";

/** Time stamp of every entry, so that equal contents make equal archives. */
const STAMP = new Date("1980-01-01T00:00:00");

/** The bytes of an archive as the program gave it: a file, a folder, or assets by their path inside. Throws for one that is elsewhere. */
export async function packed(archive: unknown): Promise<Uint8Array> {
  if (!isRecord(archive)) throw new Error("an archive was expected");
  if (typeof archive.path === "string" && archive.path !== "") {
    const listed = await readdir(archive.path, { recursive: true, withFileTypes: true }).catch(
      () => undefined,
    );
    if (listed === undefined) return await readFile(archive.path);
    const files = listed.filter((entry) => entry.isFile());
    const entries = await Promise.all(
      files.map(async (entry) => {
        const place = path.join(entry.parentPath, entry.name);
        return [path.relative(String(archive.path), place), await readFile(place)] as const;
      }),
    );
    return zipSync(Object.fromEntries(entries), { mtime: STAMP });
  }
  if (isRecord(archive.assets)) {
    const entries = await Promise.all(
      Object.entries(archive.assets).map(async ([name, asset]) => {
        if (!isRecord(asset)) throw new Error(`${name} is no asset`);
        if (typeof asset.text === "string" && asset.text !== "") return [name, strToU8(asset.text)] as const;
        return [name, await readFile(String(asset.path))] as const;
      }),
    );
    return zipSync(Object.fromEntries(entries), { mtime: STAMP });
  }
  throw new Error("this stand-in takes archives of files, folders and assets");
}
