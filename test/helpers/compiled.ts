import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import path from "node:path";

/** Compiling the same files anew takes each server and worker half a second of processor time. */
export const COMPILE_CACHE = path.resolve(import.meta.dirname, "../../node_modules/.cache/slipway-compile");

/** The caches of compiled code in a data folder become those of all tests: engines and containments of a fresh one would compile everything anew. */
export function shareCompiled(dataDir: string): void {
  const caches = path.join(dataDir, "cache");
  mkdirSync(caches, { recursive: true, mode: 0o700 });
  for (const name of ["node", "slipway-node"]) {
    const shared = path.join(`${COMPILE_CACHE}-of-tests`, name);
    mkdirSync(shared, { recursive: true });
    if (!existsSync(path.join(caches, name))) symlinkSync(shared, path.join(caches, name));
  }
}
