import { SlipwayError } from "../../errors.ts";
import type { AwsContext, TaskOutcome } from "../task.ts";
import type { ValidateRequest } from "../task-request.ts";

/** Looks at all that a stack on AWS consists of; a check that does not pass is a failed part, and the task has failed. The result is the report. */
export async function validate(
  _context: AwsContext,
  _request: ValidateRequest,
): Promise<TaskOutcome<unknown>> {
  throw new SlipwayError("internal", "validation is not built yet");
}
