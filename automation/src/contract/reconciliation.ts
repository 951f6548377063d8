import { z } from "zod";
import { Instant, OrganisationName, ProjectName, StackName } from "./identifiers.ts";

/**
 * What is known of a restored stack since the restore. `never`: nobody has looked. `nothing`: neither, but the
 * stack has no state that could be compared. `clean`: what is there is what its state says. `differs`: it is not. `taken-over`: it was not, and the
 * state says now what is there.
 */
export const ReconciliationEvidence = z.enum(["never", "nothing", "clean", "differs", "taken-over"]);
export type ReconciliationEvidence = z.infer<typeof ReconciliationEvidence>;

/** A stack of a restored installation that refuses changes until it is reconciled. */
export const UnreconciledStack = z
  .object({
    organisation: OrganisationName,
    project: ProjectName,
    stack: StackName,
    /** What happened after this is in no row. */
    backupAt: Instant,
    restoredAt: Instant,
    /** Number of the state that was restored; null: the stack had none. */
    state: z.int().nullable(),
    evidence: ReconciliationEvidence,
    /** When it was last looked at. */
    lookedAt: Instant.nullable(),
  })
  .meta({ id: "UnreconciledStack" });
export type UnreconciledStack = z.infer<typeof UnreconciledStack>;

/** `confirmed`: a person has looked at what differed, and vouches that the state may be worked with. */
export const ReconcileStack = z
  .strictObject({ confirmed: z.boolean().default(false) })
  .meta({ id: "ReconcileStack" });
export const Reconciled = z.object({ evidence: ReconciliationEvidence }).meta({ id: "Reconciled" });
