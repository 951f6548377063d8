import { randomBytes } from "node:crypto";
import { link, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SlipwayError, systemCode } from "../errors.ts";
import { identify, isAlive, ProcessIdentity } from "./process-identity.ts";

const LOCK_NAME = /^lock\.(\d+)$/;

/**
 * Makes this process the only keeper of a folder until it ends or calls the returned release. Throws SlipwayError
 * `keeper_already_running` while another one lives. A dead keeper's lock is never taken away but outnumbered: the next number is
 * created by link(2), which only one of several starters can do.
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const own = identify(process.pid);
  if (own === undefined)
    throw new SlipwayError("no_identity", "The keeper cannot read its own process entry.");
  const draft = join(folder, `lock-draft-${randomBytes(6).toString("hex")}`);
  await writeFile(draft, JSON.stringify(own), { mode: 0o600 });
  try {
    for (;;) {
      const numbers = await lockNumbers(folder);
      const last = numbers.at(-1) ?? 0;
      const holder = last === 0 ? undefined : await readHolder(join(folder, `lock.${last}`));
      if (holder !== undefined && isAlive(holder)) {
        throw new SlipwayError("keeper_already_running", `Process ${holder.pid} already keeps ${folder}.`, {
          remedy: "Stop it first, or use another data folder (SLIPWAY_DATA_DIR).",
        });
      }
      const path = join(folder, `lock.${last + 1}`);
      try {
        await link(draft, path);
      } catch (thrown) {
        // Another starter was faster: look again.
        if (systemCode(thrown) === "EEXIST") continue;
        throw thrown;
      }
      for (const number of numbers) await rm(join(folder, `lock.${number}`), { force: true });
      return () => rm(path, { force: true });
    }
  } finally {
    await rm(draft, { force: true });
  }
}

async function lockNumbers(folder: string): Promise<number[]> {
  const numbers = (await readdir(folder)).flatMap((name) => {
    const number = LOCK_NAME.exec(name)?.[1];
    return number === undefined ? [] : [Number(number)];
  });
  return numbers.sort((a, b) => a - b);
}

async function readHolder(path: string): Promise<ProcessIdentity | undefined> {
  try {
    return ProcessIdentity.parse(JSON.parse(await readFile(path, "utf8")));
  } catch (thrown) {
    // Released between the listing and the reading.
    if (systemCode(thrown) === "ENOENT") return undefined;
    throw thrown;
  }
}
