import { sql } from "kysely";
import type { StackWriter } from "../contract/updates.ts";
import type { Database } from "../database.ts";
import { SlipwayError } from "../errors.ts";

interface Row {
  organisation: string;
  project: string;
  stack: string;
  holder: string;
  holderKind: "attempt" | "update";
  expiresAt: Date;
  now: Date;
  /** Of the update of a bare holder, or of the deployment of an attempt. */
  number: number | null;
  deploymentId: string | null;
  what: string;
  principal: string;
  host: string | null;
  since: Date;
  lastEntryAt: Date | null;
}

/** Who has the right to write to a stack, and until when; null while nobody does. An expired holder is told until it has been taken over. */
export async function describeWriter(db: Database, stackId: string): Promise<StackWriter | null> {
  const row = await findHolder(db, stackId);
  return row === undefined ? null : toWriter(row);
}

/** What a second writer is told: who holds the stack, from where, since when, how lively, until when, and the command that frees it. The CLI prints it as it is. */
export async function stackIsHeld(db: Database, stackId: string): Promise<SlipwayError> {
  const row = await findHolder(db, stackId);
  if (row === undefined) {
    return new SlipwayError("conflict", "The stack was held a moment ago.", {
      remedy: "Run the command again.",
    });
  }
  return new SlipwayError("conflict", heldText(row), {
    remedy: remedyOf(row),
    details: { writer: toWriter(row) },
  });
}

/** Pure: the sentences of `stackIsHeld`, without the remedy. */
export function heldText(row: Omit<Row, "holder">): string {
  const { organisation, project, stack, principal, host, since, lastEntryAt, expiresAt, now } = row;
  const holder =
    row.holderKind === "attempt"
      ? `deployment ${row.number ?? "?"} (${row.what}) of ${principal} on worker ${host ?? "?"}`
      : `update ${row.number ?? "?"} (pulumi ${row.what}) of ${principal}${host === null ? "" : ` from ${host}`}`;
  const journal =
    lastEntryAt === null
      ? "It has recorded nothing yet"
      : `Its last journal entry came ${ageOf(lastEntryAt, now)} ago`;
  const lease =
    expiresAt <= now
      ? "it has not been renewed in time and is being taken over"
      : `it holds the stack until ${instant(expiresAt)} unless it renews before`;
  return (
    `The stack ${organisation}/${project}/${stack} is held by ${holder} since ${instant(since)}, ` +
    `for ${ageOf(since, now)}. ${journal}; ${lease}.`
  );
}

/** The command that frees a stack. */
export function releaseCommand(
  row: Pick<Row, "holderKind" | "deploymentId" | "organisation" | "project" | "stack">,
): string {
  return row.holderKind === "attempt"
    ? `slipway cancel ${row.deploymentId}`
    : `pulumi cancel --yes --stack ${row.organisation}/${row.project}/${row.stack}`;
}

function remedyOf(row: Row): string {
  return `To free it now: ${releaseCommand(row)}`;
}

function instant(at: Date): string {
  return `${at.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** Pure: an age in one unit, in words. */
export function ageOf(then: Date, now: Date): string {
  const ms = Math.max(0, now.getTime() - then.getTime());
  const [count, unit] =
    ms < 2 * MINUTE_MS
      ? [Math.round(ms / SECOND_MS), "second"]
      : ms < 2 * HOUR_MS
        ? [Math.round(ms / MINUTE_MS), "minute"]
        : [Math.round(ms / HOUR_MS), "hour"];
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}

function toWriter(row: Row): StackWriter {
  return {
    holder:
      row.holderKind === "attempt"
        ? {
            kind: "attempt",
            attemptId: row.holder,
            deploymentId: row.deploymentId ?? "",
            number: row.number ?? 0,
          }
        : { kind: "update", updateId: row.holder, number: row.number },
    principal: row.principal,
    host: row.host,
    since: row.since.toISOString(),
    expiresAt: row.expiresAt.toISOString(),
    expired: row.expiresAt <= row.now,
    lastEntryAt: row.lastEntryAt?.toISOString() ?? null,
    release: releaseCommand(row),
  };
}

async function findHolder(db: Database, stackId: string): Promise<Row | undefined> {
  const { rows } = await sql<Row>`
    select p.organisation, p.name as project, s.name as stack, w.holder, w.holder_kind as "holderKind", w.expires_at as "expiresAt",
      clock_timestamp() as now, coalesce(u.number, d.number) as number, d.id as "deploymentId",
      coalesce(case u.kind when 'update' then 'up' else u.kind end, d.operation) as what,
      coalesce(u.principal, d.requested_by) as principal, coalesce(k.host, u.address) as host,
      coalesce(u.started_at, a.claimed_at) as since,
      greatest(
        (select max(received_at) from journal_batches b join updates x on x.id = b.update_id
         where x.status = 'running' and (x.id = u.id or x.attempt_id = a.id)),
        (select max(received_at) from update_checkpoints c join updates x on x.id = c.update_id
         where x.status = 'running' and (x.id = u.id or x.attempt_id = a.id))) as "lastEntryAt"
    from stack_writers w
    join stacks s on s.id = w.stack_id join projects p on p.id = s.project_id
    left join updates u on w.holder_kind = 'update' and u.id = w.holder
    left join attempts a on w.holder_kind = 'attempt' and a.id = w.holder
    left join deployments d on d.id = a.deployment_id
    left join workers k on k.id = a.worker_id
    where w.stack_id = ${stackId} and w.holder is not null
  `.execute(db);
  return rows[0];
}
