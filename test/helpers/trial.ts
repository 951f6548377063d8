import { type TestContext, test } from "vitest";

/** Whether the long forms run: `npm run trials`. */
export const IS_TRIAL = process.env.SLIPWAY_TRIALS === "full";

/** A test that only the trials run, whose file vitest.config.ts names among them. What it holds is held more briefly by others at each run of the checks. */
export function trial(name: string, run: (context: TestContext) => Promise<void>, timeoutMs?: number): void {
  if (IS_TRIAL) test(name, run, timeoutMs);
}
