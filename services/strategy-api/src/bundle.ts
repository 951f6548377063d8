import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

// In the bundle this module is part of dist/server.mjs and its files lie beside it; in the source they are one folder up.
const folders = [import.meta.dirname, join(import.meta.dirname, "..")];

const Identity = z.object({ name: z.string(), version: z.string() });

function locate(names: readonly string[]): string {
  for (const name of names) {
    for (const folder of folders) {
      const path = join(folder, name);
      if (existsSync(path)) return path;
    }
  }
  throw new Error(`None of ${names.join(", ")} is in ${folders.join(" or ")}: the build is incomplete.`);
}

/** Name and version of this build: version.json in a bundle, package.json in the source. */
export function readIdentity(): { name: string; version: string } {
  return Identity.parse(JSON.parse(readFileSync(locate(["version.json", "package.json"]), "utf8")));
}

/** The folder of the SQL migrations that belong to this build. */
export function migrationsFolder(): string {
  return locate(["migrations"]);
}
