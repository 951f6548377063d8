import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { inject } from "vitest";
import { tryLock } from "../../automation/src/start/lock.mjs";
import { freePort, startSlipwayIn } from "./running.ts";

const REPOSITORY = path.resolve(import.meta.dirname, "../..");
const LOCK_POLL_MS = 250;

/** A clone of HEAD in an empty folder, after its first `npm start` and Ctrl-C. */
export interface FreshClone {
  root: string;
  /** What the first start printed, and how long it took, installation included. */
  firstOutput: string;
  firstSeconds: number;
}

/**
 * The fresh clone of this test run. Made by the first file that asks, with a real npm ci (about a minute); the others wait for
 * it. Its parent folder is closed to other users, as a home folder is. Use a data folder of your own.
 */
export async function freshClone(): Promise<FreshClone> {
  const folder = path.join(inject("runFolder"), "fresh");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const result = path.join(folder, "first-start.json");
  for (;;) {
    const lock = tryLock(path.join(folder, "lock"));
    if ("holder" in lock) {
      await sleep(LOCK_POLL_MS);
      continue;
    }
    try {
      if (!existsSync(result))
        writeFileSync(result, JSON.stringify(await make(path.join(folder, "slipway"))));
      return JSON.parse(readFileSync(result, "utf8")) as FreshClone;
    } finally {
      lock.release();
    }
  }
}

async function make(root: string): Promise<FreshClone> {
  execFileSync("git", ["clone", "--quiet", REPOSITORY, root], { stdio: ["ignore", "ignore", "inherit"] });
  const dataDir = path.join(root, ".slipway");
  const first = await startSlipwayIn(root, { dataDir, port: await freePort() });
  await first.interrupt();
  return { root, firstOutput: first.output(), firstSeconds: first.seconds };
}
