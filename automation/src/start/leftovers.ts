import { readdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { systemCode } from "../errors.ts";
import { isSameProcess } from "../process-table.ts";

/** A child whose supervisor was killed has noticed and is stopping; this is how long it may take before it is killed. */
const GRACE_MS = 20_000;
const POLL_MS = 50;
const Recorded = z.object({ pid: z.int().positive(), command: z.string(), startedAt: z.string() });

/** Ends what a killed start has left running on this data folder. Answers the names, for a line of progress. */
export async function endLeftovers(runFolder: string, graceMs: number = GRACE_MS): Promise<string[]> {
  const left = recorded(runFolder).filter(({ info }) => isSameProcess(info));
  for (const { info } of left) process.kill(info.pid, "SIGTERM");
  const deadline = performance.now() + graceMs;
  let killed = false;
  while (left.some(({ info }) => isSameProcess(info))) {
    if (!killed && performance.now() > deadline) {
      killed = true;
      for (const { info } of left) if (isSameProcess(info)) process.kill(info.pid, "SIGKILL");
    }
    await sleep(POLL_MS);
  }
  for (const { file } of recorded(runFolder)) rmSync(file, { force: true });
  return left.map(({ name }) => name);
}

function recorded(folder: string): { name: string; file: string; info: z.infer<typeof Recorded> }[] {
  return names(folder).flatMap((name) => {
    const file = path.join(folder, name);
    const info = Recorded.safeParse(read(file));
    return info.success ? [{ name: path.basename(name, ".json"), file, info: info.data }] : [];
  });
}

function read(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    // Not one of our records, or removed meanwhile.
    return undefined;
  }
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => name.endsWith(".json"));
  } catch (error) {
    if (systemCode(error) === "ENOENT") return [];
    throw error;
  }
}
