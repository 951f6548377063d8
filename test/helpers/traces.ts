import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { sql } from "kysely";
import type { Database } from "../../automation/src/database.ts";

/** Every row of every table, as text: what a dump of the database shows. Bytes stand in it as hexadecimal digits. */
export async function everythingIn(db: Database): Promise<string> {
  const { rows: tables } = await sql<{ name: string }>`
    select quote_ident(table_schema) || '.' || quote_ident(table_name) as name from information_schema.tables
    where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')`.execute(db);
  const all = await Promise.all(
    tables.map(async ({ name }) => {
      const { rows } = await sql<{
        line: string;
      }>`select to_jsonb(t)::text as line from ${sql.raw(name)} t`.execute(db);
      return rows.map(({ line }) => line).join("\n");
    }),
  );
  return all.join("\n");
}

/** Text of every file below a folder. What links lead to is not looked at. */
export async function everyFileBelow(folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const texts = await Promise.all(
    files.map((file) => readFile(path.join(file.parentPath, file.name), "utf8")),
  );
  return texts.join("\n");
}

/** Which of these words are in a text, as they are or as hexadecimal digits. */
export function wordsIn(text: string, words: readonly string[]): string[] {
  return words.filter((word) => text.includes(word) || text.includes(Buffer.from(word).toString("hex")));
}
