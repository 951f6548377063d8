import { COVERED_TASKS } from "./coverage-tasks.ts";
import type { DocumentFacts } from "./facts.ts";
import { code, document, plain, table } from "./markdown.ts";
import { stackArgument } from "./stack-argument.ts";

/** The tasks of a deployment plan by number: where each is done, which tests hold it, and what this release's records say of it. */
export function coverageOf(facts: DocumentFacts): string {
  return document([
    `# Tasks of the deployment, release ${facts.release.number} of ${plain(stackArgument(facts.stack))}`,
    "A dash in the last column: the task is about the product and not about a release, or this release has no record of it.",
    table(
      ["Task", "What", "Where", "Held by", "In this release"],
      COVERED_TASKS.map(({ task, about, where, left, proof, recorded }) => [
        task,
        plain(about),
        left === undefined ? where : `${where}. Left: ${plain(left)}`,
        proof.map(code).join(" "),
        plain(recorded?.(facts) ?? "–"),
      ]),
      "",
    ),
  ]);
}
