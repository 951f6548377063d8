import type { ValidationReport } from "../../contract/aws/validation.ts";
import { SlipwayError } from "../../errors.ts";
import type { AwsContext, TaskOutcome } from "../task.ts";
import type { ValidateInput } from "../task-request.ts";

/** Looks at all that a stack on AWS consists of. Has succeeded as soon as there is a report, whatever it says; what kept it from being made is a failure. */
export function validate(
  _input: ValidateInput,
  _context: AwsContext,
): Promise<TaskOutcome<ValidationReport>> {
  return Promise.reject(new SlipwayError("aws_not_built", "Validation is being built."));
}
