import type { Dirent } from "node:fs";
import { readdir } from "node:fs/promises";
import path from "node:path";
import { messageOf, SlipwayError } from "../errors.ts";

/** The paths of all files below a folder, with `/` between their parts, in the order of their bytes. Throws `package_invalid` for a folder that is not there and for links and devices. */
export async function walkFolder(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await entriesOf(folder)) {
    const file = path.relative(folder, path.join(entry.parentPath, entry.name)).split(path.sep).join("/");
    if (entry.isFile()) found.push(file);
    else if (!entry.isDirectory()) {
      throw new SlipwayError("package_invalid", `${file} in ${folder} is neither a file nor a folder.`, {
        remedy: "Let the build copy the target of a link instead of linking it.",
      });
    }
  }
  return found.sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
}

/** Names of the folders directly in a folder. */
export async function foldersIn(folder: string): Promise<string[]> {
  const entries = await readFolder(folder, false);
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

const entriesOf = (folder: string): Promise<Dirent[]> => readFolder(folder, true);

async function readFolder(folder: string, recursive: boolean): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true, recursive });
  } catch (thrown) {
    throw new SlipwayError("package_invalid", `The build's folder cannot be read: ${messageOf(thrown)}.`, {
      cause: thrown,
      remedy: "Let the build write the folder that slipway.yaml names.",
    });
  }
}
