import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { SlipwayError, systemCode } from "../errors.ts";
import { writeDurably } from "./durable-file.ts";

/**
 * The id of a keeper's folder, made at its first start: what a stack has deployed is bound to it. Only the keeper that holds the folder's lock may ask. Throws SlipwayError
 * `record_unreadable`.
 */
export async function readOrMakeIdentity(folder: string): Promise<string> {
  const file = join(folder, "id");
  try {
    const parsed = z.uuid().safeParse((await readFile(file, "utf8")).trim());
    if (parsed.success) return parsed.data;
    throw new SlipwayError("record_unreadable", `${file} does not hold a keeper's id.`, {
      remedy: "Restore it from a backup: stacks are bound to it.",
    });
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
  }
  const id = randomUUID();
  await writeDurably(file, `${id}\n`);
  return id;
}
