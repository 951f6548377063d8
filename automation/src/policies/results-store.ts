import { sql } from "kysely";
import { z } from "zod";
import type { Claim } from "../attempts/store.ts";
import { holdFence } from "../attempts/store.ts";
import type { DeploymentPolicies, PolicyResult } from "../contract/policies.ts";
import type { Database, Transaction } from "../database.ts";
import type { FindingName, Judged } from "./rules.ts";
import { countFindings } from "./rules.ts";
import { findOverride } from "./store.ts";

/** More of one attempt help nobody; the counts say how many there were. */
export const KEPT_RESULTS = 1_000;
const MAX_MESSAGE_CHARACTERS = 4_000;

/** What an attempt's policies looked at. */
export interface RecordedCheck {
  setDigest: string;
  setVersion: number;
  packs: { name: string; version: string; digest: string | null }[];
  content: string;
  seal: string;
  stopped: boolean;
}

/** Adds what policies said while a step of an attempt. */
export async function insertResults(
  trx: Transaction,
  claim: Pick<Claim, "deploymentId" | "attempt">,
  step: string,
  judged: readonly Judged[],
): Promise<void> {
  if (judged.length === 0) return;
  // What stops a deployment comes first, so that it is never among what is left out.
  const ordered = [...judged].sort(
    (a, b) => Number(b.level === "mandatory") - Number(a.level === "mandatory"),
  );
  await trx
    .insertInto("policy_results")
    .values(
      ordered.slice(0, KEPT_RESULTS).map((one) => ({
        deployment_id: claim.deploymentId,
        attempt: claim.attempt,
        step,
        rule_id: one.ruleId,
        pack: one.pack,
        version: one.version,
        policy: one.policy,
        level: one.level,
        outcome: one.outcome,
        urn: one.urn,
        message: one.message.slice(0, MAX_MESSAGE_CHARACTERS),
      })),
    )
    .execute();
}

/** Records what an attempt's policies looked at and said; what an earlier attempt's said stays beside it. Throws `lease_lost` when the attempt has lost its stack. */
export async function recordCheck(
  trx: Transaction,
  claim: Claim,
  check: RecordedCheck,
  judged: readonly Judged[],
): Promise<void> {
  await holdFence(trx, claim);
  const row = {
    attempt: claim.attempt,
    set_digest: check.setDigest,
    set_version: check.setVersion,
    packs: JSON.stringify(check.packs),
    content: check.content,
    seal: check.seal,
    stopped: check.stopped,
  };
  await trx
    .insertInto("policy_checks")
    .values({ deployment_id: claim.deploymentId, ...row })
    .onConflict((conflict) =>
      conflict.column("deployment_id").doUpdateSet({ ...row, checked_at: sql<Date>`now()` }),
    )
    .execute();
  await insertResults(trx, claim, "preview", judged);
}

const Packs = z.array(z.object({ name: z.string(), version: z.string(), digest: z.string().nullable() }));

/** What policies said of a deployment in its last attempt that came so far. */
export async function readDeploymentPolicies(
  db: Database,
  deploymentId: string,
): Promise<DeploymentPolicies> {
  const check = await db
    .selectFrom("policy_checks")
    .selectAll()
    .where("deployment_id", "=", deploymentId)
    .executeTakeFirst();
  const rows = await resultsOf(db, deploymentId);
  const latest = Math.max(0, ...rows.map(({ attempt }) => attempt));
  const shown = rows.filter(({ attempt }) => attempt === latest);
  const stopping = shown.filter(({ level, outcome }) => level === "mandatory" && outcome === "violated");
  return {
    checked:
      check === undefined
        ? null
        : {
            attempt: check.attempt,
            setVersion: check.set_version,
            setDigest: check.set_digest,
            packs: Packs.parse(check.packs),
            seal: check.seal,
            stopped: check.stopped,
            checkedAt: check.checked_at.toISOString(),
          },
    ...countFindings(shown),
    items: shown.map(({ overridable: _, ruleId: __, ...result }) => result),
    override: (await findOverride(db, { of: deploymentId })) ?? null,
    letThroughBy: (await findOverride(db, { usedBy: deploymentId })) ?? null,
    overridable: stopping.length > 0 && stopping.every(({ overridable }) => overridable),
  };
}

interface StoredResult extends PolicyResult {
  ruleId: string | null;
  overridable: boolean;
}

async function resultsOf(db: Database, deploymentId: string): Promise<StoredResult[]> {
  const { rows } = await sql<StoredResult>`
    select x.rule_id as "ruleId", x.attempt, x.step, x.pack, x.version, x.policy, x.level, x.outcome, x.urn, x.message,
      coalesce(r.overridable, false) as overridable
    from policy_results x left join policy_rules r on r.id = x.rule_id
    where x.deployment_id = ${deploymentId} order by x.attempt, x.id`.execute(db);
  return rows;
}

/** What an override of a stopped deployment would pass over; undefined when its policies did not stop it. */
export async function stoppedCheck(
  trx: Transaction,
  deploymentId: string,
): Promise<
  | {
      stackId: string;
      seal: string;
      content: string;
      status: string;
      findings: FindingName[];
      overridable: boolean;
    }
  | undefined
> {
  const { rows } = await sql<{
    stackId: string;
    seal: string;
    content: string;
    status: string;
    attempt: number;
  }>`
    select d.stack_id as "stackId", c.seal, c.content, d.status, c.attempt
    from policy_checks c join deployments d on d.id = c.deployment_id
    where c.deployment_id = ${deploymentId} and c.stopped for update of d`.execute(trx);
  const [check] = rows;
  if (check === undefined) return undefined;
  const findings = (await resultsOf(trx, deploymentId)).filter(
    ({ attempt, level, outcome }) =>
      attempt === check.attempt &&
      level === "mandatory" &&
      (outcome === "violated" || outcome === "overridden"),
  );
  const { attempt: _, ...rest } = check;
  return {
    ...rest,
    findings: findings.map(({ ruleId, policy, urn }) => ({ ruleId, policy, urn })),
    overridable: findings.every(({ overridable }) => overridable),
  };
}
