import { readdir, readFile, stat } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import { messageOf, SlipwayError, systemCode } from "../../errors.ts";
import { usageError } from "../failure.ts";
import type { SourceObject, StateSource } from "./source.ts";

/**
 * The folder that a `file://` URL means to Pulumi: what follows the scheme as it is written (no percent-encoding), `~` for the home folder, relative to
 * `cwd`; a query is ignored. Source: pkg/backend/diy/backend.go at 3.250.0.
 */
export function folderOfFileUrl(url: string, cwd: string, home: string = homedir()): string {
  const [given = ""] = url.replace(/^file:\/\//, "").split("?");
  if (given === "")
    throw usageError(`${url} names no folder.`, "Write it as file:///folder or file://~/folder.");
  const expanded = given === "~" ? home : given.startsWith("~/") ? path.join(home, given.slice(2)) : given;
  return path.resolve(cwd, expanded);
}

/** Opens the folder of a `file://` backend. Throws a usage error when it is not there. */
export async function openFileSource(folder: string): Promise<StateSource> {
  const found = await stat(folder).catch((cause: unknown) => {
    throw usageError(
      `The folder ${folder} cannot be read: ${messageOf(cause)}.`,
      "Name the folder of a Pulumi backend.",
    );
  });
  if (!found.isDirectory())
    throw usageError(`${folder} is not a folder.`, "Name the folder of a Pulumi backend.");
  return {
    label: `file://${folder}`,
    list: async (prefix) => {
      const objects = await filesBelow(folder, prefix);
      return objects.sort((a, b) => (a.key < b.key ? -1 : 1));
    },
    read: async (key) => {
      try {
        return await readFile(path.join(folder, ...key.split("/")));
      } catch (cause) {
        throw new SlipwayError("source_object_missing", `${key} cannot be read: ${messageOf(cause)}.`, {
          cause,
        });
      }
    },
    close: () => {},
  };
}

async function filesBelow(folder: string, prefix: string): Promise<SourceObject[]> {
  // A prefix ends in a folder here: keys below it are walked, a file of that very name is its own only entry.
  const start = path.join(folder, ...prefix.split("/").filter((part) => part !== ""));
  const found: SourceObject[] = [];
  const waiting = [start];
  for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
    const entries = await readdir(place, { withFileTypes: true }).catch((thrown: unknown) => {
      // No folder: nothing with this prefix.
      if (systemCode(thrown) === "ENOENT" || systemCode(thrown) === "ENOTDIR") return [];
      throw thrown;
    });
    for (const entry of entries) {
      const file = path.join(place, entry.name);
      if (entry.isDirectory()) waiting.push(file);
      else if (entry.isFile())
        found.push({
          key: path.relative(folder, file).split(path.sep).join("/"),
          modifiedAt: (await stat(file)).mtime,
        });
    }
  }
  return found;
}
