import { writeFile } from "node:fs/promises";
import { stringify } from "yaml";
import type { ConfigEntry } from "./runner-protocol.ts";

/**
 * Writes `Pulumi.<stack>.yaml` content to a new 0600 file. Secret values are sealed already, in the form that the state backend opens for the CLI; the file
 * names no secrets provider, so that the backend is it.
 */
export async function writeStackConfig(
  file: string,
  config: Readonly<Record<string, ConfigEntry>>,
): Promise<void> {
  const entries = Object.entries(config).map(([name, entry]) => [
    name,
    "secure" in entry ? { secure: entry.secure } : entry.value,
  ]);
  // `wx`: a file that someone else laid there first could be readable by others.
  await writeFile(file, stringify({ config: Object.fromEntries(entries) }), { mode: 0o600, flag: "wx" });
}
