import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import type { EventBody } from "../../automation/src/contract/events.ts";
import type { Database } from "../../automation/src/database.ts";

/** An update as a test needs it; the rest is that of a finished bare `pulumi up`. */
export interface UpdateRecord {
  kind?: "preview" | "update" | "refresh" | "destroy" | "import" | "edit";
  dryRun?: boolean;
  status?: "requested" | "running" | "succeeded" | "failed" | "cancelled" | "expired";
  number?: number | null;
  deploymentId?: string;
  attemptId?: string;
  message?: string;
  claimed?: Record<string, string>;
  changes?: Record<string, number>;
  requestedAt?: string;
}

/** Puts an update into the tables as the state backend leaves it there; answers its id. */
export async function recordUpdate(
  db: Database,
  stackId: string,
  record: UpdateRecord = {},
): Promise<string> {
  const id = randomUUID();
  const { kind = "update", dryRun = false, status = "succeeded" } = record;
  const number = dryRun || status === "requested" ? null : (record.number ?? 1);
  const ended = !["requested", "running"].includes(status);
  await sql`
    insert into updates (id, stack_id, kind, dry_run, status, number, attempt_id, deployment_id, epoch, principal, message,
      claimed, client, resource_changes, requested_at, started_at, finished_at)
    values (${id}, ${stackId}, ${kind}, ${dryRun}, ${status}, ${number}, ${record.attemptId ?? null}, ${record.deploymentId ?? null},
      ${number === null ? null : 1}, 'owner', ${record.message ?? null}, ${JSON.stringify(record.claimed ?? {})},
      'pulumi-cli/1 (v3.250.0; linux; cmd=up)', ${JSON.stringify(record.changes ?? {})},
      ${record.requestedAt ?? new Date().toISOString()}, ${status === "requested" ? null : sql`now()`}, ${ended ? sql`now()` : null})
  `.execute(db);
  return id;
}

/** Ends a running update as its completion does, without a state. */
export async function endUpdateRecord(
  db: Database,
  id: string,
  status: "succeeded" | "failed",
): Promise<void> {
  await sql`update updates set status = ${status}, finished_at = now() where id = ${id}`.execute(db);
}

/** Stores events under the CLI's own numbers, which count from 0; they came `secondsAgo`. */
export async function recordEvents(
  db: Database,
  updateId: string,
  events: readonly (readonly [sequence: number, body: EventBody | null])[],
  secondsAgo = 0,
): Promise<void> {
  for (const [sequence, body] of events) {
    await sql`
      insert into update_events (update_id, sequence, at, body, raw, received_at)
      values (${updateId}, ${sequence}, now(), ${body === null ? null : JSON.stringify(body)}, ''::bytea,
        now() - ${secondsAgo} * interval '1 second')
    `.execute(db);
  }
}

/** A diagnostic of an update that says `message`. */
export function saying(message: string): EventBody {
  return { type: "diagnostic", step: "update", severity: "info", urn: null, message };
}
