import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { SlipwayError, systemCode } from "../errors.ts";

/** Passwords of the three roles of the embedded Postgres. */
export const Credentials = z.strictObject({
  /** `postgres`, the superuser: used by this supervisor only. */
  admin: z.string(),
  /** `slipway`, which owns Slipway's own database. */
  server: z.string(),
  /** `slipway_keeper`, which may create roles and databases for what is deployed. */
  keeper: z.string(),
});
export type Credentials = z.infer<typeof Credentials>;

const PASSWORD_BYTES = 24;

/** Reads the passwords, or makes and keeps them (0600, flushed to disk before the cluster that needs them exists). */
export function loadCredentials(dir: string): Credentials {
  const file = path.join(dir, "credentials.json");
  try {
    return Credentials.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch (error) {
    if (systemCode(error) !== "ENOENT") {
      throw new SlipwayError("postgres_credentials", `The database passwords in ${file} cannot be read.`, {
        cause: error,
        remedy: "Restore the file from a backup; without it the data beside it cannot be opened.",
      });
    }
  }
  const password = () => randomBytes(PASSWORD_BYTES).toString("base64url");
  const made = { admin: password(), server: password(), keeper: password() };
  writeDurably(file, `${JSON.stringify(made)}\n`);
  return made;
}

/** Replaces a 0600 file as a whole: after a crash it holds the old text or the new one. */
export function writeDurably(file: string, text: string): void {
  const partial = `${file}.new`;
  const handle = openSync(partial, "w", 0o600);
  try {
    writeSync(handle, text);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(partial, file);
}
