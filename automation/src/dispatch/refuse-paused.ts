import type { Database } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import { pauseInWords } from "./pause-words.ts";
import { pauseOfStack } from "./pauses-store.ts";

/** Throws SlipwayError `paused`, with who paused and why, while nothing new may change a stack. One that starts in the very moment of the pause may still be let through: it counts as running. */
export async function refusePaused(db: Database, stackId: string): Promise<void> {
  const pause = await pauseOfStack(db, stackId);
  if (pause === undefined) return;
  throw new SlipwayError("paused", pauseInWords(pause).replace(/\.?$/, "."), {
    remedy: "Wait until somebody resumes it (slipway resume); a preview is possible meanwhile.",
  });
}
