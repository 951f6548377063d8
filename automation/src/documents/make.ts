import { createHash } from "node:crypto";
import type { DocumentKind, ReleaseDocument } from "../contract/documents.ts";
import { checklistDocument } from "./checklist.ts";
import { coverageOf } from "./coverage.ts";
import type { DocumentFacts } from "./facts.ts";
import { runbookOf } from "./runbook.ts";
import { summaryOf } from "./summary.ts";

const MAKERS: Readonly<Record<DocumentKind, (facts: DocumentFacts) => string>> = {
  summary: summaryOf,
  runbook: runbookOf,
  checklist: checklistDocument,
  coverage: coverageOf,
};

/** A document of a release. The same facts make the same bytes. */
export function makeDocument(kind: DocumentKind, facts: DocumentFacts): ReleaseDocument {
  const text = MAKERS[kind](facts);
  const { number } = facts.release;
  return {
    kind,
    release: number,
    fileName: `${facts.stack.stack}-release-${number}-${kind}.md`,
    text,
    digest: `sha256:${createHash("sha256").update(text).digest("hex")}`,
  };
}
