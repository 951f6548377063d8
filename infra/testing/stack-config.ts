import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";

const StackFile = z.object({ config: z.record(z.string(), z.unknown()) });

const root = join(import.meta.dirname, "..", "..");

/** The config of a committed `Pulumi.<stack>.yaml` as Pulumi hands it to a program: text, and JSON for what is none. */
export async function configOf(stack: string): Promise<Record<string, string>> {
  const file = StackFile.parse(parse(await readFile(join(root, `Pulumi.${stack}.yaml`), "utf8")));
  return Object.fromEntries(
    Object.entries(file.config).map(([key, value]) => [
      key,
      typeof value === "object" ? JSON.stringify(value) : String(value),
    ]),
  );
}
