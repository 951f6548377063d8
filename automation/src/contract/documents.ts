import { z } from "zod";
import type { Endpoint } from "./endpoint.ts";
import { Digest, StackPath } from "./identifiers.ts";

/** `summary`: what was deployed. `runbook`: the commands for this stack. `checklist`: whether it may take something new. `coverage`: the tasks of a deployment plan and where each is done. */
export const DocumentKind = z.enum(["summary", "runbook", "checklist", "coverage"]);
export type DocumentKind = z.infer<typeof DocumentKind>;

/** A document of a release, made from what is recorded: the same records make the same bytes. */
export const ReleaseDocument = z
  .object({
    kind: DocumentKind,
    release: z.int(),
    /** For a folder that holds documents of several stacks and releases. */
    fileName: z.string(),
    /** Markdown. */
    text: z.string(),
    /** Of the text. */
    digest: Digest,
  })
  .meta({ id: "ReleaseDocument" });
export type ReleaseDocument = z.infer<typeof ReleaseDocument>;

/** The row of documents in the table of endpoints. */
export const documentEndpoints = {
  getDocument: {
    method: "GET",
    path: "/v1/stacks/:organisation/:project/:stack/documents/:kind",
    summary: "A document of a release, in Markdown",
    permission: "stack.read",
    params: StackPath.extend({ kind: DocumentKind }),
    query: z.strictObject({
      /** Left out: the newest. */
      release: z.coerce.number().int().min(1).optional(),
    }),
    success: { status: 200, body: ReleaseDocument },
  },
} as const satisfies Record<string, Endpoint>;
