import { sql } from "kysely";
import type { DriftAlertKind, DriftCheckKind } from "../contract/drift.ts";
import type { Transaction } from "../database.ts";
import type { Known, Look } from "./evaluate.ts";
import { isBirth, learnMovement } from "./rules.ts";

/** What a check that ends was asked for, and how it looked. Times are milliseconds since 1970 by the database's clock. */
export interface CheckLook extends Look {
  kind: DriftCheckKind;
}

/** The state that the last complete operation of a stack left; 0 before the first. */
const SUCCEEDED_STATE = (stackId: string) => sql<number>`
  coalesce((select max(s.number) from states s join updates u on u.id = s.update_id
    where s.stack_id = ${stackId} and u.status = 'succeeded' and u.kind in ('update', 'refresh', 'destroy')), 0)`;

/** How a check looked whose attempt ends now. */
export async function lookOf(
  trx: Transaction,
  check: { stackId: string; deploymentId: string; attemptId: string; stateNumber: number },
): Promise<CheckLook> {
  const { stackId, deploymentId, attemptId, stateNumber } = check;
  const { rows } = await sql<{
    kind: string | null;
    startedAt: number;
    stateAgeMs: number | null;
    succeeded: number;
    targets: string[] | null;
  }>`
    select (select kind from drift_follow_ups where deployment_id = d.id) as kind,
      (extract(epoch from a.claimed_at) * 1000)::double precision as "startedAt",
      (select extract(epoch from a.claimed_at - s.created_at) * 1000 from states s
        where s.stack_id = d.stack_id and s.number = ${stateNumber})::double precision as "stateAgeMs",
      ${SUCCEEDED_STATE(stackId)} as succeeded, d.options -> 'targets' as targets
    from attempts a join deployments d on d.id = ${deploymentId} where a.id = ${attemptId}
  `.execute(trx);
  const [row] = rows;
  if (row === undefined) throw new Error(`attempt ${attemptId} is not there`);
  const kind = row.kind === "birth" || row.kind === "second-read" ? row.kind : "whole";
  const isOfUpdate = row.succeeded === stateNumber && row.stateAgeMs !== null;
  return {
    kind,
    startedAt: row.startedAt,
    birth: isOfUpdate && isBirth(kind, row.stateAgeMs ?? Number.POSITIVE_INFINITY),
    scope: row.targets === null ? null : new Set(row.targets),
  };
}

/** All that is known of a stack's drift when a check ends. */
export async function readKnown(trx: Transaction, stackId: string): Promise<Known> {
  const { rows } = await sql<{ now: number; succeeded: number }>`
    select (extract(epoch from now()) * 1000)::double precision as now, ${SUCCEEDED_STATE(stackId)} as succeeded`.execute(
    trx,
  );
  const { now, succeeded } = rows[0] ?? { now: 0, succeeded: 0 };
  const rules = await trx
    .selectFrom("drift_ignores")
    .select(["id", "urn_glob", "path", "expires_at"])
    .where("stack_id", "=", stackId)
    .where("removed_at", "is", null)
    .orderBy("created_at")
    .execute();
  const baseline = await trx
    .selectFrom("drift_baselines")
    .select("fingerprint")
    .where("stack_id", "=", stackId)
    .where("state_number", ">=", succeeded)
    .execute();
  const volatile = await trx
    .selectFrom("drift_volatile")
    .select(["urn", "path"])
    .where("stack_id", "=", stackId)
    .where("learned_at", "is not", null)
    .where("switched_off_at", "is", null)
    .execute();
  const missing = await trx
    .selectFrom("drift_missing")
    .select(["urn", "first_at"])
    .where("stack_id", "=", stackId)
    .execute();
  const alerts = await trx
    .selectFrom("drift_alerts")
    .select(["id", "kind", "fingerprint", "urn", "path"])
    .where("stack_id", "=", stackId)
    .where("closed_at", "is", null)
    .execute();
  return {
    now,
    rules: rules.map((rule) => ({
      id: rule.id,
      urnGlob: rule.urn_glob,
      path: rule.path,
      expiresAt: rule.expires_at.getTime(),
      removed: false,
    })),
    baseline: new Set(baseline.map(({ fingerprint }) => fingerprint)),
    volatile: new Set(volatile.map(({ urn, path }) => `${urn} ${path}`)),
    missingSince: new Map(missing.map(({ urn, first_at }) => [urn, first_at.getTime()])),
    alerts: alerts.map((alert) => ({ ...alert, kind: alert.kind as DriftAlertKind })),
  };
}

/** Remembers what was not found, and forgets what was, or needs no second read. */
export async function noteMissing(
  trx: Transaction,
  stackId: string,
  checkId: string,
  { missing, found }: { missing: readonly string[]; found: readonly string[] },
): Promise<void> {
  await sql`delete from drift_missing where stack_id = ${stackId} and urn = any(${[...found]}::text[])`.execute(
    trx,
  );
  await sql`
    insert into drift_missing (stack_id, urn, check_id)
    select ${stackId}, urn, ${checkId} from unnest(${[...missing]}::text[]) as u(urn) on conflict do nothing`.execute(
    trx,
  );
}

/** Puts what a birth check saw in the place of what the one before it did. */
export async function replaceBaseline(
  trx: Transaction,
  stackId: string,
  { checkId, stateNumber }: { checkId: string; stateNumber: number },
  differences: readonly { urn: string; path: string; fingerprint: string }[],
): Promise<void> {
  await trx.deleteFrom("drift_baselines").where("stack_id", "=", stackId).execute();
  await sql`
    insert into drift_baselines (stack_id, fingerprint, state_number, urn, path, check_id)
    select ${stackId}, fingerprint, ${stateNumber}, urn, path, ${checkId}
    from jsonb_to_recordset(${JSON.stringify(differences)}) as d(urn text, path text, fingerprint text)
    on conflict do nothing`.execute(trx);
}

/** Learns which outputs move by themselves. What was not learned by the next operation is forgotten. */
export async function noteMoved(
  trx: Transaction,
  stackId: string,
  stateNumber: number,
  moved: readonly { urn: string; path: string; fingerprint: string }[],
): Promise<void> {
  await trx
    .deleteFrom("drift_volatile")
    .where("stack_id", "=", stackId)
    .where("learned_at", "is", null)
    .where("state_number", "<>", stateNumber)
    .execute();
  const rows = await trx.selectFrom("drift_volatile").selectAll().where("stack_id", "=", stackId).execute();
  const before = new Map(rows.map((row) => [`${row.urn} ${row.path}`, row]));
  const after = moved.map(({ urn, path, fingerprint }) => {
    const row = before.get(`${urn} ${path}`);
    const known = row && {
      state: row.state_number,
      value: row.last_value,
      moves: row.moves,
      learned: row.learned_at !== null,
    };
    return { urn, path, ...learnMovement(known, { state: stateNumber, value: fingerprint }) };
  });
  await sql`
    insert into drift_volatile (stack_id, urn, path, state_number, last_value, moves, learned_at)
    select ${stackId}, urn, path, state, value, moves, case when learned then now() end
    from jsonb_to_recordset(${JSON.stringify(after)}) as m(urn text, path text, state integer, value text, moves integer, learned boolean)
    on conflict (stack_id, urn, path) do update set state_number = excluded.state_number, last_value = excluded.last_value,
      moves = excluded.moves, learned_at = coalesce(drift_volatile.learned_at, excluded.learned_at),
      moved_at = case when drift_volatile.last_value = excluded.last_value then drift_volatile.moved_at else now() end`.execute(
    trx,
  );
}

/** Notes that rules are still needed. */
export async function noteMatched(trx: Transaction, rules: readonly string[]): Promise<void> {
  await sql`update drift_ignores set matched_at = now() where id = any(${[...rules]}::uuid[])`.execute(trx);
}
