import type { Problem } from "../contract/problems.ts";
import { SlipwayError } from "../errors.ts";

/** What the server answered instead of a success: `code`, `message` (the problem's detail), `remedy` and `details.issues` are the problem's. */
export class ProblemError extends SlipwayError {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.code, problem.detail, {
      ...(problem.remedy === undefined ? {} : { remedy: problem.remedy }),
      details: { status: problem.status, issues: problem.issues ?? [] },
    });
    this.name = "ProblemError";
    this.problem = problem;
  }
}
