import { SlipwayError } from "../../errors.ts";

/** What a text that cannot be read was meant to be. */
export type InvalidCode = "invalid_journal" | "invalid_state";

const SUBJECTS: Record<InvalidCode, string> = {
  invalid_journal: "The journal entries cannot be read",
  invalid_state: "The state cannot be read",
};

/** Runs `work` and names its `invalid_json` by what the text was meant to be; anything else passes as it is. */
export function named<T>(code: InvalidCode, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof SlipwayError) || error.code !== "invalid_json") throw error;
    throw new SlipwayError(code, `${SUBJECTS[code]}. ${error.message}`, {
      cause: error,
      details: error.details,
    });
  }
}
