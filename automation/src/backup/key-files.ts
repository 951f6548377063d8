import { SlipwayError } from "../errors.ts";
import { readFileKey } from "../secrets/file-key.ts";
import type { KeySettings } from "../secrets/key-settings.ts";
import { readPrivateFile } from "../secrets/private-file.ts";
import type { Keys } from "./manifest.ts";

/** The key files of this installation that something in its database needs. Throws SlipwayError `key_unavailable` when one of them is not here. */
export async function collectKeyFiles(
  settings: KeySettings,
  needed: readonly string[],
): Promise<Keys["files"]> {
  const places = [{ role: "default", file: settings.defaultFile } as const];
  const configured = settings.choice.provider === "file" ? settings.choice.file : settings.defaultFile;
  const all =
    configured === settings.defaultFile
      ? places
      : [...places, { role: "configured", file: configured } as const];
  const files: Keys["files"] = [];
  for (const { role, file } of all) {
    const key = await readFileKey(file);
    const content = key === undefined ? undefined : await readPrivateFile(file);
    if (key === undefined || content === undefined || !needed.includes(key.id)) continue;
    files.push({ role, id: key.id, content });
  }
  const found = new Set(files.map(({ id }) => id));
  const missing = needed.filter((id) => id.startsWith("file:") && !found.has(id));
  if (missing.length > 0) {
    throw new SlipwayError(
      "key_unavailable",
      `The database needs ${missing.join(", ")}, which is not here.`,
      {
        remedy: "Run the backup where the key file of the installation is; slipway doctor names it.",
      },
    );
  }
  return files;
}
