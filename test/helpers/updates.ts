import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import type { EventBody } from "../../automation/src/contract/events.ts";
import type { Database } from "../../automation/src/database.ts";
import { withTransaction } from "../../automation/src/database.ts";
import type { Keyring } from "../../automation/src/secrets/keyring.ts";
import { appendState } from "../../automation/src/state/states-store.ts";

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
      journal_version, claimed, client, resource_changes, requested_at, started_at, finished_at)
    values (${id}, ${stackId}, ${kind}, ${dryRun}, ${status}, ${number}, ${record.attemptId ?? null}, ${record.deploymentId ?? null},
      ${number === null ? null : 1}, 'owner', ${record.message ?? null}, 1, ${JSON.stringify(record.claimed ?? {})},
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
      insert into update_events (update_id, sequence, at, body, received_at)
      values (${updateId}, ${sequence}, now(), ${body === null ? null : JSON.stringify(body)},
        now() - ${secondsAgo} * interval '1 second')
    `.execute(db);
  }
}

/** A diagnostic of an update that says `message`. */
export function saying(message: string): EventBody {
  return { type: "diagnostic", step: "update", severity: "info", urn: null, message };
}

const SECRET = "4dabf18193072939515e22adb298388d";
const SECRET_MARK = "1b47061264138c4ac30d75fd1eb44270";

/** A resource of a state's JSON. */
export interface StateResourceText {
  urn: string;
  type: string;
  [more: string]: unknown;
}

/** The JSON text of a state of default/<project>/<stack> with the stack's own resource first; the output `password` is a secret. */
export function stateText(
  { project, stack }: { project: string; stack: string },
  children: readonly StateResourceText[] = [],
  pending: readonly { resource: StateResourceText; type: string }[] = [],
): string {
  const type = "pulumi:pulumi:Stack";
  const urn = `urn:pulumi:${stack}::${project}::${type}::${project}-${stack}`;
  const password = { [SECRET]: SECRET_MARK, ciphertext: "c2VhbGVk" };
  const outputs = { url: "http://localhost:1", password, list: [password, 1] };
  return JSON.stringify({
    version: 3,
    deployment: {
      manifest: { time: "2026-01-01T00:00:00Z", magic: "", version: "" },
      resources: [{ urn, custom: false, type, outputs }, ...children.map((one) => ({ parent: urn, ...one }))],
      ...(pending.length === 0 ? {} : { pending_operations: pending }),
    },
  });
}

/** Makes a text the state of a stack; answers its number. */
export async function recordState(
  { db, keyring }: { db: Database; keyring: Keyring },
  stackId: string,
  text: string,
  more: { updateId?: string; partial?: boolean; resourceCount?: number } = {},
): Promise<number> {
  return withTransaction(db, async (trx) => {
    const { partial = false, resourceCount = 1, updateId = null } = more;
    const { id, number } = await appendState(trx, keyring, {
      stackId,
      updateId,
      partial,
      resourceCount,
      text,
    });
    await sql`update updates set state_id = ${id}, resource_count = ${resourceCount} where id = ${updateId}`.execute(
      trx,
    );
    return number;
  });
}

/** Makes a running update the holder of its stack, until so many seconds from now (negative: until then). */
export async function holdStack(
  db: Database,
  stackId: string,
  updateId: string,
  seconds: number,
): Promise<void> {
  await sql`
    insert into stack_writers (stack_id, holder, holder_kind, epoch, expires_at)
    values (${stackId}, ${updateId}, 'update', 1, now() + ${seconds} * interval '1 second')
    on conflict (stack_id) do update set holder = excluded.holder, holder_kind = 'update', epoch = 1, expires_at = excluded.expires_at
  `.execute(db);
}
