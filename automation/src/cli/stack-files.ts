import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { parse } from "yaml";
import { systemCode } from "../errors.ts";

const STACK_FILE = /^Pulumi\..+\.ya?ml$/;

/**
 * Remembers the stack files (`Pulumi.<stack>.yaml`) of a project folder and answers a function that undoes what Pulumi's commands add by themselves: the
 * salt of the passphrase, which the state holds too, and the spelling of values. A file in which anything else changed is left as it is.
 */
export async function keepStackFiles(folder: string): Promise<() => Promise<void>> {
  const before = await readStackFiles(folder);
  return async () => {
    for (const [file, text] of await readStackFiles(folder)) {
      const original = before.get(file);
      if (text === original || !saysTheSame(original ?? "", text)) continue;
      if (original === undefined) await rm(path.join(folder, file));
      else await writeFile(path.join(folder, file), original);
    }
  };
}

async function readStackFiles(folder: string): Promise<Map<string, string>> {
  const names = (await readdir(folder)).filter((name) => STACK_FILE.test(name));
  const files = new Map<string, string>();
  for (const name of names) {
    try {
      files.set(name, await readFile(path.join(folder, name), "utf8"));
    } catch (thrown) {
      // A folder of that name, or one that went away: nothing that Pulumi wrote.
      if (!["EISDIR", "ENOENT"].includes(systemCode(thrown) ?? "")) throw thrown;
    }
  }
  return files;
}

/** Whether two stack files differ in nothing but the salt and the spelling of values. Files that are no YAML are never the same. */
export function saysTheSame(before: string, after: string): boolean {
  try {
    return meaningOf(before) === meaningOf(after);
  } catch {
    // What cannot be understood is a person's, and stays.
    return false;
  }
}

function meaningOf(text: string): string {
  const { encryptionsalt: _salt, ...rest } = (parse(text) ?? {}) as Record<string, unknown>;
  // Pulumi writes 7430 as "7430".
  return JSON.stringify(rest, (_key, value: unknown) =>
    typeof value === "number" || typeof value === "boolean" ? String(value) : value,
  );
}
