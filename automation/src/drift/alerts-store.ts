import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import type { DriftAlert, DriftAlertEnd, DriftAlertKind } from "../contract/drift.ts";
import { DriftValue } from "../contract/drift.ts";
import type { InstantPlace } from "../database/instant-cursor.ts";
import { isAfter, placeInstant } from "../database/instant-cursor.ts";
import type { Database, Transaction } from "../database.ts";
import type { Keyring } from "../secrets/keyring.ts";

/** An alert to be opened. */
export interface AlertToOpen {
  kind: DriftAlertKind;
  fingerprint: string;
  urn: string | null;
  resourceType: string | null;
  path: string | null;
  summary: string;
  value: DriftValue | null;
}

/** Opens alerts; one whose fingerprint is open already stays as it is. Answers the ids of the new ones, by fingerprint. */
export async function openAlerts(
  trx: Transaction,
  keyring: Keyring,
  { stackId, checkId }: { stackId: string; checkId: string },
  alerts: readonly AlertToOpen[],
): Promise<Map<string, string>> {
  const rows = await Promise.all(
    alerts.map(async ({ value, resourceType, ...alert }) => ({
      ...alert,
      id: randomUUID(),
      stack_id: stackId,
      resource_type: resourceType,
      sealed: value === null ? null : await sealJson(keyring, trx, stackId, value),
      opened_by: checkId,
      seen_by: checkId,
    })),
  );
  const opened = new Map<string, string>();
  for (const row of rows) {
    const { rows: made } = await sql<{ id: string }>`
      insert into drift_alerts (id, stack_id, kind, fingerprint, urn, resource_type, path, summary, sealed, opened_by, seen_by)
      values (${row.id}, ${row.stack_id}, ${row.kind}, ${row.fingerprint}, ${row.urn}, ${row.resource_type}, ${row.path},
        ${row.summary}, ${row.sealed}, ${row.opened_by}, ${row.seen_by})
      on conflict (stack_id, fingerprint) where closed_at is null do nothing returning id`.execute(trx);
    if (made[0] !== undefined) opened.set(row.fingerprint, made[0].id);
  }
  return opened;
}

/** Notes that alerts are still true. */
export async function seeAlerts(trx: Transaction, checkId: string, ids: readonly string[]): Promise<void> {
  await sql`update drift_alerts set seen_at = now(), seen_by = ${checkId} where id = any(${[...ids]}::uuid[])`.execute(
    trx,
  );
}

/** An alert that was closed, with what a message says of it. */
export interface ClosedAlert {
  id: string;
  kind: DriftAlertKind;
  summary: string;
  because: DriftAlertEnd;
}

export async function closeAlerts(
  trx: Transaction,
  closings: readonly { id: string; because: DriftAlertEnd; rule: string | null }[],
): Promise<ClosedAlert[]> {
  if (closings.length === 0) return [];
  const { rows } = await sql<ClosedAlert>`
    update drift_alerts a set closed_at = now(), closed_because = c.because, closed_by_rule = c.rule
    from jsonb_to_recordset(${JSON.stringify(closings)}) as c(id uuid, because text, rule uuid)
    where a.id = c.id and a.closed_at is null
    returning a.id, a.kind, a.summary, a.closed_because as because`.execute(trx);
  return rows;
}

/** How many alerts of a stack are open. */
export async function countOpenAlerts(db: Database, stackId: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from drift_alerts where stack_id = ${stackId} and closed_at is null`.execute(db);
  return rows[0]?.count ?? 0;
}

/** An alert with its place in the list. */
export interface ListedAlert extends DriftAlert {
  place: InstantPlace;
}

/** Alerts of a stack, newest first, at most `limit`. */
export async function listAlerts(
  db: Database,
  keyring: Keyring,
  stackId: string,
  page: { status?: "open" | "closed" | undefined; after?: InstantPlace | undefined; limit: number },
): Promise<ListedAlert[]> {
  const status =
    page.status === undefined
      ? sql`true`
      : page.status === "open"
        ? sql`a.closed_at is null`
        : sql`a.closed_at is not null`;
  const after = page.after === undefined ? sql`true` : isAfter("a.opened_at", "a.id", page.after);
  return select(db, keyring, stackId, sql`${status} and ${after}`, page.limit);
}

/** One alert of a stack; undefined when it has none with that id. */
export async function findAlert(
  db: Database,
  keyring: Keyring,
  stackId: string,
  id: string,
): Promise<DriftAlert | undefined> {
  const [found] = await select(db, keyring, stackId, sql`a.id = ${id}`, 1);
  if (found === undefined) return undefined;
  const { place: _, ...alert } = found;
  return alert;
}

interface AlertRow {
  id: string;
  kind: DriftAlertKind;
  summary: string;
  urn: string | null;
  resource_type: string | null;
  path: string | null;
  sealed: Buffer | null;
  opened_at: Date;
  seen_at: Date;
  reminders: number;
  remediation: string | null;
  remediation_status: string | null;
  closed_at: Date | null;
  closed_because: DriftAlertEnd | null;
  closed_by_rule: string | null;
  place: string;
}

async function select(
  db: Database,
  keyring: Keyring,
  stackId: string,
  where: ReturnType<typeof sql>,
  limit: number,
): Promise<ListedAlert[]> {
  const { rows } = await sql<AlertRow>`
    select a.*, d.status as remediation_status, ${placeInstant("a.opened_at")} as place
    from drift_alerts a left join deployments d on d.id = a.remediation
    where a.stack_id = ${stackId} and ${where} order by a.opened_at desc, a.id desc limit ${limit}`.execute(
    db,
  );
  return Promise.all(
    rows.map(async (row) => ({
      id: row.id,
      kind: row.kind,
      status: row.closed_at === null ? "open" : "closed",
      summary: row.summary,
      urn: row.urn,
      resourceType: row.resource_type,
      name: row.urn?.split("::").at(-1) ?? null,
      path: row.path,
      value: row.sealed === null ? null : DriftValue.parse(await openJson(keyring, db, stackId, row.sealed)),
      openedAt: row.opened_at.toISOString(),
      seenAt: row.seen_at.toISOString(),
      reminders: row.reminders,
      remediation:
        row.remediation === null ? null : { id: row.remediation, status: row.remediation_status ?? "queued" },
      closedAt: row.closed_at?.toISOString() ?? null,
      closedBecause: row.closed_because,
      closedByRule: row.closed_by_rule,
      place: [row.place, row.id] satisfies InstantPlace,
    })),
  );
}

/** Notes the deployment that is to undo an alert, with all others of its stack: it undoes them too. */
export async function noteRemediation(
  trx: Transaction,
  stackId: string,
  deploymentId: string,
): Promise<void> {
  await sql`
    update drift_alerts set remediation = ${deploymentId}
    where stack_id = ${stackId} and closed_at is null and urn is not null`.execute(trx);
}

export async function sealJson(
  keyring: Keyring,
  db: Database,
  stackId: string,
  value: unknown,
): Promise<Buffer> {
  return keyring.seal(db, stackId, "drift", Buffer.from(JSON.stringify(value), "utf8"));
}

export async function openJson(
  keyring: Keyring,
  db: Database,
  stackId: string,
  sealed: Buffer,
): Promise<unknown> {
  return JSON.parse((await keyring.open(db, stackId, "drift", sealed)).toString("utf8")) as unknown;
}
