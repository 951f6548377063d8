import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { z } from "zod";
import { SlipwayError } from "../errors.ts";
import { removeDurably, writeDurably } from "./durable-file.ts";

/** One folder of JSON files, one file a record, read whole at start and kept in memory by the keeper, its only writer. */
export interface Records<T extends { id: string }> {
  get(id: string): T | undefined;
  all(): T[];
  /** Resolves when the record is on the disk. */
  put(record: T): Promise<void>;
  remove(id: string): Promise<void>;
}

/** Opens a folder of records. Throws SlipwayError `record_unreadable` for a file that does not parse: guessing would lose a deployed process. */
export async function openRecords<T extends { id: string }>(
  folder: string,
  schema: z.ZodType<T>,
): Promise<Records<T>> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const records = new Map<string, T>();
  for (const name of await readdir(folder)) {
    if (!name.endsWith(".json")) continue;
    const record = await readRecord(join(folder, name), schema);
    records.set(record.id, record);
  }
  const pathOf = (id: string) => join(folder, `${id}.json`);
  return {
    get: (id) => records.get(id),
    all: () => [...records.values()],
    async put(record) {
      await writeDurably(pathOf(record.id), `${JSON.stringify(record, null, 2)}\n`);
      records.set(record.id, record);
    },
    async remove(id) {
      await removeDurably(pathOf(id));
      records.delete(id);
    },
  };
}

async function readRecord<T>(path: string, schema: z.ZodType<T>): Promise<T> {
  try {
    return schema.parse(JSON.parse(await readFile(path, "utf8")));
  } catch (cause) {
    throw new SlipwayError("record_unreadable", `The keeper cannot read ${path}.`, {
      cause,
      remedy: `Look at it; to start without it, move it to ${path}.unreadable.`,
    });
  }
}
