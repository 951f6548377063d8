import { sql } from "kysely";
import { z } from "zod";
import type { MovedItem, Seal } from "../contract/seals.ts";
import type { Database, Transaction } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import type { Keyring } from "../secrets/keyring.ts";
import { lockedBy } from "../state/states-store.ts";
import { PACKED_RATIO, runWork } from "../state/threads/pool.ts";
import type { SealedDeployment } from "./rules.ts";

/** A seal as it is kept, with the version of the data key under which its secrets are HMACs. */
export interface StoredSeal extends SealedDeployment {
  deploymentId: string;
  macKeyVersion: number;
}

const Facts = z.object({
  operation: z.string(),
  options: z.looseObject({ refresh: z.boolean() }),
  source: z.string().nullable(),
  lockfile: z.string().nullable(),
  config: z.string(),
  serverConfig: z.record(z.string(), z.string()),
  plan: z.string(),
  cli: z.string(),
  plugins: z.array(z.object({ name: z.string(), version: z.string().nullable() })),
  state: z.int(),
  artifacts: z.array(z.object({ name: z.string(), digest: z.string() })),
  rules: z.record(z.string(), z.string()),
  policies: z.string().nullable(),
}) satisfies z.ZodType<SealedDeployment["items"]>;
const Body = z.object({
  macKeyVersion: z.int(),
  steps: z.array(
    z.object({
      urn: z.string(),
      operations: z.array(z.string()),
      goal: z.record(z.string(), z.unknown()).nullable(),
    }),
  ),
  seeds: z.record(z.string(), z.string()),
});

/** Packs what of a seal is not for every table, before the transaction that stores it. */
export async function packSeal(
  db: Database,
  keyring: Keyring,
  stackId: string,
  { steps, seeds }: SealedDeployment,
  macKeyVersion: number,
): Promise<Buffer> {
  const text = JSON.stringify({ macKeyVersion, steps, seeds });
  const key = await keyring.newest(db, stackId);
  return (await runWork("seal", { key, purpose: "seal", text }, text.length)).body;
}

/** Stores a deployment's seal in place of an earlier attempt's that nobody was asked about. The caller holds the fence. */
export async function putSeal(
  trx: Transaction,
  of: { deploymentId: string; stackId: string; attempt: number },
  { digest, items }: SealedDeployment,
  body: Buffer,
): Promise<void> {
  const row = { attempt: of.attempt, digest, items: JSON.stringify(items), body };
  await trx
    .insertInto("seals")
    .values({ deployment_id: of.deploymentId, stack_id: of.stackId, ...row })
    .onConflict((conflict) =>
      conflict.column("deployment_id").doUpdateSet({ ...row, sealed_at: sql<Date>`now()` }),
    )
    .execute();
}

/** Records how what is about to run is bound to its seal. */
export async function recordBinding(
  trx: Transaction,
  deploymentId: string,
  binding: "exact" | "equivalent",
): Promise<void> {
  await trx.updateTable("deployments").set({ binding }).where("id", "=", deploymentId).execute();
}

/** Records what was not as it was sealed. */
export async function recordMoved(
  trx: Transaction,
  deploymentId: string,
  moved: readonly MovedItem[],
): Promise<void> {
  await trx
    .updateTable("deployments")
    .set({ moved: JSON.stringify(moved) })
    .where("id", "=", deploymentId)
    .execute();
}

/**
 * The seal that a deployment must still be equal to: the one that people were asked about, or that its request named; undefined when nobody has seen one. Throws SlipwayError
 * `secret_unreadable`, and `stale` when its steps were collected: nothing may run that cannot be compared.
 */
export async function bindingSeal(
  db: Database,
  keyring: Keyring,
  deploymentId: string,
): Promise<StoredSeal | undefined> {
  const { rows } = await sql<{
    deploymentId: string;
    stackId: string;
    digest: string;
    items: unknown;
    body: Buffer | null;
  }>`
    select s.deployment_id as "deploymentId", s.stack_id as "stackId", s.digest, s.items, s.body
    from deployments d join seals s on s.deployment_id =
      case when exists (select 1 from approvals a where a.deployment_id = d.id) then d.id else d.bound_to end
    where d.id = ${deploymentId}
  `.execute(db);
  const [row] = rows;
  if (row === undefined) return undefined;
  if (row.body === null) {
    throw new SlipwayError("stale", `The steps behind the seal ${row.digest} are not kept any more.`, {
      remedy: "Preview again and deploy what that shows.",
    });
  }
  const locked = await lockedBy(db, keyring, row.stackId, row.body);
  const text = await runWork("open", { ...locked, purpose: "seal" }, row.body.length * PACKED_RATIO);
  const body = Body.parse(JSON.parse(text));
  return { deploymentId: row.deploymentId, digest: row.digest, items: Facts.parse(row.items), ...body };
}

/** The seal of a deployment as it is shown; undefined before it has one. */
export async function readSeal(
  db: Database,
  deploymentId: string,
): Promise<
  (Omit<Seal, "moved"> & { stackId: string; facts: SealedDeployment["items"]; ended: boolean }) | undefined
> {
  const row = await db
    .selectFrom("seals as s")
    .innerJoin("deployments as d", "d.id", "s.deployment_id")
    .select(["s.stack_id", "s.attempt", "s.digest", "s.items", "s.sealed_at", "d.binding", "d.finished_at"])
    .where("s.deployment_id", "=", deploymentId)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  return {
    deploymentId,
    stackId: row.stack_id,
    digest: row.digest,
    items: row.items,
    facts: Facts.parse(row.items),
    attempt: row.attempt,
    sealedAt: row.sealed_at.toISOString(),
    binding: row.binding,
    ended: row.finished_at !== null,
  };
}

/** The newest seal of a stack with a digest whose steps are kept; undefined when there is none. */
export async function findSeal(
  db: Database,
  stackId: string,
  digest: string,
): Promise<{ deploymentId: string; items: SealedDeployment["items"] } | undefined> {
  const row = await db
    .selectFrom("seals")
    .select(["deployment_id", "items"])
    .where("stack_id", "=", stackId)
    .where("digest", "=", digest)
    .where("body", "is not", null)
    .orderBy("sealed_at", "desc")
    .limit(1)
    .executeTakeFirst();
  return row && { deploymentId: row.deployment_id, items: Facts.parse(row.items) };
}

/** Seals of a stack that people are asked about, of deployments that no worker has. Locks these. */
export async function lockWaitingSeals(
  trx: Transaction,
  stackId: string,
): Promise<
  {
    deploymentId: string;
    organisation: string;
    project: string;
    stack: string;
    items: SealedDeployment["items"];
  }[]
> {
  const { rows } = await sql<{
    deploymentId: string;
    organisation: string;
    project: string;
    stack: string;
    items: unknown;
  }>`
    select d.id as "deploymentId", p.organisation, p.name as project, st.name as stack, s.items
    from approvals a join deployments d on d.id = a.deployment_id join seals s on s.deployment_id = d.id
    join stacks st on st.id = d.stack_id join projects p on p.id = st.project_id
    where d.stack_id = ${stackId} and a.decided_at is null and d.status in ('queued', 'waiting_approval')
    order by d.number for update of d
  `.execute(trx);
  return rows.map((row) => ({ ...row, items: Facts.parse(row.items) }));
}

/** Stacks of deployments that people are asked about and that no worker has, whose state is another one than was sealed. */
export async function stacksMovedSinceSeal(db: Database, limit: number): Promise<string[]> {
  const { rows } = await sql<{ stackId: string }>`
    select distinct d.stack_id as "stackId"
    from approvals a join deployments d on d.id = a.deployment_id join seals s on s.deployment_id = d.id
    where a.decided_at is null and d.status in ('queued', 'waiting_approval')
      and (s.items ->> 'state')::integer <> coalesce((select max(number) from states where stack_id = d.stack_id), 0)
    limit ${limit}
  `.execute(db);
  return rows.map(({ stackId }) => stackId);
}

/** Number of a stack's newest state; 0 before the first. */
export async function stateNumber(db: Database, stackId: string): Promise<number> {
  const { rows } = await sql<{ number: number }>`
    select coalesce(max(number), 0) as number from states where stack_id = ${stackId}
  `.execute(db);
  return rows[0]?.number ?? 0;
}
