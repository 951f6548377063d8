import { z } from "zod";
import { Instant } from "./identifiers.ts";

/** One change of state: who did what to which subject. Written in the transaction of the change. */
export const AuditEntry = z
  .object({
    sequence: z.int(),
    at: Instant,
    principal: z.string(),
    /** noun.verb: project.created, stack.removed, config.set, deployment.requested, deployment.succeeded, release.marked_bad ... */
    action: z.string(),
    organisation: z.string(),
    /** organisation/project/stack, or shorter when the subject is not a stack. */
    subject: z.string(),
    details: z.record(z.string(), z.unknown()),
    requestId: z.string().nullable(),
  })
  .meta({ id: "AuditEntry" });
export type AuditEntry = z.infer<typeof AuditEntry>;
