import { sql } from "kysely";
import type { DriftCheck, DriftCheckKind } from "../contract/drift.ts";
import { DriftedResource, RawDrift } from "../contract/drift.ts";
import type { InstantPlace } from "../database/instant-cursor.ts";
import { placeInstant } from "../database/instant-cursor.ts";
import type { Database, Transaction } from "../database.ts";
import type { Keyring } from "../secrets/keyring.ts";
import { openJson, sealJson } from "./alerts-store.ts";

/** Kept of one check; a stack that is gone as a whole needs no list of thousands. */
const MOST_RESOURCES = 500;
const LONGEST_CAUSE = 2_000;

/** A check that could be made, or whose result nobody should believe. */
export interface NewDriftCheck {
  id: string;
  deploymentId: string;
  stackId: string;
  kind: DriftCheckKind;
  status: DriftCheck["status"];
  cause: string | null;
  /** 0: the stack has no state. */
  stateNumber: number;
  release: number | null;
  gone: number;
  inputChanged: number;
  outputOnly: number;
  unconfirmed: number;
  quiet: number;
  resources: readonly DriftedResource[];
  raw: RawDrift;
}

/** Records a check; false when its deployment has one already. */
export async function insertCheck(
  trx: Transaction,
  keyring: Keyring,
  check: NewDriftCheck,
): Promise<boolean> {
  const sealed = check.raw.items.length === 0 ? null : await sealJson(keyring, trx, check.stackId, check.raw);
  const { numAffectedRows } = await sql`
    insert into drift_checks (id, stack_id, deployment_id, kind, status, cause, state_number, release_number, gone, input_changed,
      output_only, unconfirmed, quiet, resources, sealed)
    values (${check.id}, ${check.stackId}, ${check.deploymentId}, ${check.kind}, ${check.status}, ${check.cause},
      nullif(${check.stateNumber}::integer, 0), ${check.release}, ${check.gone}, ${check.inputChanged}, ${check.outputOnly},
      ${check.unconfirmed}, ${check.quiet}, ${JSON.stringify(check.resources.slice(0, MOST_RESOURCES))}, ${sealed})
    on conflict (deployment_id) do nothing
  `.execute(trx);
  return numAffectedRows === 1n;
}

/** The stack whose check could not be made. */
export interface UncheckedStack {
  checkId: string;
  stackId: string;
  organisation: string;
  /** organisation/project/stack */
  subject: string;
}

/** Records that the check of a deployment that ends now could not be made; undefined when the deployment is none, or has a record. */
export async function insertUnchecked(
  trx: Transaction,
  deploymentId: string,
  cause: string,
): Promise<UncheckedStack | undefined> {
  const { rows } = await sql<UncheckedStack>`
    with unchecked as (
      insert into drift_checks (id, stack_id, deployment_id, status, cause, state_number, release_number, kind)
      select gen_random_uuid(), d.stack_id, d.id, 'unknown', ${cause.slice(0, LONGEST_CAUSE)},
        (select nullif(l.state_number, 0) from attempt_looks l where l.stack_id = d.stack_id), d.target_release,
        coalesce((select f.kind from drift_follow_ups f where f.deployment_id = d.id and f.kind <> 'retry'), 'whole')
      from deployments d where d.id = ${deploymentId} and d.operation = 'detect-drift'
      on conflict (deployment_id) do nothing
      returning id, stack_id
    )
    select u.id as "checkId", u.stack_id as "stackId", p.organisation, concat_ws('/', p.organisation, p.name, s.name) as subject
    from unchecked u join stacks s on s.id = u.stack_id join projects p on p.id = s.project_id
  `.execute(trx);
  return rows[0];
}

/** How many of a stack's newest checks in a row could not be made. One that only waits for a second read could. */
export async function unknownInARow(trx: Transaction, stackId: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from drift_checks c
    where c.stack_id = ${stackId} and c.status = 'unknown' and c.unconfirmed = 0
      and not exists (select 1 from drift_checks k where k.stack_id = c.stack_id and (k.status <> 'unknown' or k.unconfirmed > 0)
        and (k.checked_at, k.id) > (c.checked_at, c.id))
  `.execute(trx);
  return rows[0]?.count ?? 0;
}

/** A check with its place in the list. */
export interface ListedDriftCheck extends DriftCheck {
  place: InstantPlace;
}

/** Checks of a stack, newest first; with `known` only those that could be made. */
export async function listDriftChecks(
  db: Database,
  stackId: string,
  { after, limit, known = false }: { after?: InstantPlace | undefined; limit: number; known?: boolean },
): Promise<ListedDriftCheck[]> {
  const rows = await db
    .selectFrom("drift_checks as c")
    .leftJoin("schedule_slots as l", "l.deployment_id", "c.deployment_id")
    .leftJoin("schedules as s", "s.id", "l.schedule_id")
    .select([
      ...([
        "c.id",
        "c.deployment_id",
        "c.kind",
        "c.status",
        "c.cause",
        "c.checked_at",
        "c.state_number",
      ] as const),
      ...([
        "c.release_number",
        "c.gone",
        "c.input_changed",
        "c.output_only",
        "c.unconfirmed",
        "c.quiet",
      ] as const),
      "c.resources",
      "s.name as schedule",
    ])
    .select(placeInstant("c.checked_at").as("place"))
    .where("c.stack_id", "=", stackId)
    .$if(known, (query) => query.where("c.status", "<>", "unknown"))
    .$if(after !== undefined, (query) =>
      query.where(
        sql<boolean>`(c.checked_at, c.id) < (${after?.[0]}::timestamp at time zone 'UTC', ${after?.[1]}::uuid)`,
      ),
    )
    .orderBy("c.checked_at", "desc")
    .orderBy("c.id", "desc")
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    id: row.id,
    deploymentId: row.deployment_id,
    kind: row.kind as DriftCheckKind,
    schedule: row.schedule,
    status: row.status as DriftCheck["status"],
    cause: row.cause,
    checkedAt: row.checked_at.toISOString(),
    state: row.state_number,
    release: row.release_number,
    gone: row.gone,
    inputChanged: row.input_changed,
    outputOnly: row.output_only,
    unconfirmed: row.unconfirmed,
    quiet: row.quiet,
    // Rows of before there was anything quiet.
    resources: DriftedResource.array().parse(row.resources),
    place: [row.place, row.id],
  }));
}

/** All that differed in one check; undefined when the stack has no such check. */
export async function readRawDrift(
  db: Database,
  keyring: Keyring,
  stackId: string,
  checkId: string,
): Promise<RawDrift | undefined> {
  const row = await db
    .selectFrom("drift_checks")
    .select("sealed")
    .where("stack_id", "=", stackId)
    .where("id", "=", checkId)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  if (row.sealed === null) return { complete: true, items: [] };
  return RawDrift.parse(await openJson(keyring, db, stackId, row.sealed));
}

/** The number of the release that a stack runs; null when Slipway has deployed none. */
export async function newestRelease(db: Database, stackId: string): Promise<number | null> {
  const { rows } = await sql<{ number: number | null }>`
    select max(number) as number from releases where stack_id = ${stackId}`.execute(db);
  return rows[0]?.number ?? null;
}

/** The schedule that checks a stack for drift next, by the database's plan; undefined when none does. */
export async function nextDriftCheck(
  db: Database,
  stackId: string,
): Promise<{ schedule: string; at: string } | undefined> {
  const row = await db
    .selectFrom("schedules")
    .select(["name", "next_at"])
    .where("stack_id", "=", stackId)
    .where("operation", "=", "detect-drift")
    .where("next_at", "is not", null)
    .orderBy("next_at")
    .limit(1)
    .executeTakeFirst();
  return row?.next_at == null ? undefined : { schedule: row.name, at: row.next_at.toISOString() };
}
