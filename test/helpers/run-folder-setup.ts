import { chmodSync, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** A folder of this test run, for what its files share; removed at the end. */
    runFolder: string;
  }
}

/** The only place outside a data folder in which a start as root may have put something. */
const SHARED_BASE = "/var/lib/slipway/";

/** Where a start writes down what it put there: in data folders of the fresh clone and beside it. */
const LOCATIONS = ["fresh/*/.slipway/postgres/location", "{,*/,*/*/}postgres/location"];

let folder: string | undefined;
let users = 0;

/** Vitest global set-up: one folder a run, however many projects it has. */
export default function setup(project: TestProject): () => void {
  users += 1;
  folder ??= mkdtempSync(path.join(tmpdir(), "slipway-test-run-"));
  chmodSync(folder, 0o711);
  const made = folder;
  project.provide("runFolder", made);
  return () => {
    users -= 1;
    if (users > 0) return;
    for (const location of globSync(LOCATIONS, { cwd: made })) {
      const home = readFileSync(path.join(made, location), "utf8").trim();
      if (home.startsWith(SHARED_BASE)) rmSync(home, { recursive: true, force: true });
    }
    rmSync(made, { recursive: true, force: true });
  };
}
