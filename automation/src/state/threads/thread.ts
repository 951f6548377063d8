import { SlipwayError } from "../../errors.ts";
import type { WorkName } from "./work.ts";
import { work } from "./work.ts";

/** A task as it comes to a thread. */
export interface ThreadTask {
  name: WorkName;
  input: never;
}

/** An error keeps its code on the way between threads only as plain data. */
export type ThreadAnswer =
  | { ok: true; value: unknown }
  | { ok: false; code: string; message: string; remedy: string | undefined };

/** Runs one task. What throws something other than a SlipwayError is a fault of ours and passes as it is. */
export default function run({ name, input }: ThreadTask): ThreadAnswer {
  try {
    return { ok: true, value: work[name](input) };
  } catch (error) {
    if (!(error instanceof SlipwayError)) throw error;
    return { ok: false, code: error.code, message: error.message, remedy: error.remedy };
  }
}
