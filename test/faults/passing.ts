import { SlipwayError } from "../../automation/src/errors.ts";

/** The server is away or its answer was lost. A 500 whose cause was the database counts too: the client cannot know. */
export function isPassing(error: unknown): boolean {
  if (!(error instanceof SlipwayError)) return error instanceof TypeError;
  return ["server_unreachable", "not_ready", "rate_limited", "unexpected_answer", "internal"].includes(
    error.code,
  );
}
