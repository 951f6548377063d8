import { sql } from "kysely";
import { z } from "zod";
import type { Claim } from "../attempts/store.ts";
import { PlannedStep } from "../contract/previews.ts";
import type { Database } from "../database.ts";
import type { Keyring } from "../secrets/keyring.ts";
import { lockedBy } from "../state/states-store.ts";
import { PACKED_RATIO, runWork } from "../state/threads/pool.ts";
import { capSteps } from "./cap-steps.ts";

/** A preview as it is shown. */
export interface StoredPreview {
  attempt: number;
  counts: Record<string, number>;
  /** Of all steps; fewer are kept when `truncated`. */
  stepCount: number;
  truncated: boolean;
  steps: readonly PlannedStep[];
  previewedAt: string;
}

const Steps = z.array(PlannedStep);

/** So many opened previews are kept: a page asks for one part after the other. */
const MAX_KEPT = 4;
const kept = new Map<string, Promise<readonly PlannedStep[]>>();

/** Keeps what an attempt's preview said in place of what an earlier attempt's did. Answers false when the attempt's fence does not hold any more. */
export async function putPreview(
  db: Database,
  keyring: Keyring,
  claim: Claim,
  { steps, counts }: { steps: readonly PlannedStep[]; counts: Readonly<Record<string, number>> },
): Promise<boolean> {
  const { text, truncated } = capSteps(steps);
  const key = await keyring.newest(db, claim.stackId);
  const { body } = await runWork("seal", { key, purpose: "seal", text }, text.length);
  const { numAffectedRows } = await sql`
    insert into deployment_previews (deployment_id, attempt, counts, step_count, truncated, body)
    select ${claim.deploymentId}, ${claim.attempt}, ${JSON.stringify(counts)}, ${steps.length}, ${truncated}, ${body}
    where exists (
      select 1 from stack_writers
      where stack_id = ${claim.stackId} and holder = ${claim.attemptId} and epoch = ${claim.epoch} and expires_at > now())
    on conflict (deployment_id) do update
      set attempt = excluded.attempt, counts = excluded.counts, step_count = excluded.step_count,
        truncated = excluded.truncated, body = excluded.body, previewed_at = now()
  `.execute(db);
  return numAffectedRows === 1n;
}

/** What a deployment's newest preview said; undefined before it. Throws SlipwayError `secret_unreadable`. */
export async function readPreview(
  db: Database,
  keyring: Keyring,
  deploymentId: string,
): Promise<StoredPreview | undefined> {
  const row = await db
    .selectFrom("deployment_previews as p")
    .innerJoin("deployments as d", "d.id", "p.deployment_id")
    .select(["d.stack_id", "p.attempt", "p.counts", "p.step_count", "p.truncated", "p.previewed_at"])
    .where("p.deployment_id", "=", deploymentId)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  const steps = await keptSteps(`${deploymentId} ${row.attempt}`, () =>
    openSteps(db, keyring, row.stack_id, deploymentId),
  );
  return {
    attempt: row.attempt,
    counts: row.counts,
    stepCount: row.step_count,
    truncated: row.truncated,
    steps,
    previewedAt: row.previewed_at.toISOString(),
  };
}

async function openSteps(
  db: Database,
  keyring: Keyring,
  stackId: string,
  deploymentId: string,
): Promise<PlannedStep[]> {
  const { body } = await db
    .selectFrom("deployment_previews")
    .select("body")
    .where("deployment_id", "=", deploymentId)
    .executeTakeFirstOrThrow();
  const locked = await lockedBy(db, keyring, stackId, body);
  const text = await runWork("open", { ...locked, purpose: "seal" }, body.length * PACKED_RATIO);
  return Steps.parse(JSON.parse(text));
}

async function keptSteps(name: string, open: () => Promise<PlannedStep[]>): Promise<readonly PlannedStep[]> {
  const steps = kept.get(name) ?? open();
  kept.delete(name);
  kept.set(name, steps);
  const [oldest] = kept.keys();
  if (kept.size > MAX_KEPT && oldest !== undefined) kept.delete(oldest);
  try {
    return await steps;
  } catch (error) {
    // A key that is away for a moment must not be away for ever.
    kept.delete(name);
    throw error;
  }
}
