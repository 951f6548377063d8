import { sql } from "kysely";
import type { GatePhase, RequiredGate, RequiredGates } from "../contract/gates.ts";
import { Gate } from "../contract/gates.ts";
import type { Database, Transaction } from "../database.ts";

/** The gates that a stack's deployments must pass, with the version of the list; 0 before the first change. */
export async function readRequiredGates(db: Database, stackId: string): Promise<RequiredGates> {
  // One statement: a version and a list of two moments would belong to no list.
  const { rows } = await sql<{
    version: number;
    definition: unknown;
    set_by: string | null;
    set_at: Date | null;
  }>`
    select coalesce(v.version, 0) as version, g.definition, g.set_by, g.set_at
    from (select ${stackId}::uuid as id) s
      left join required_gate_versions v on v.stack_id = s.id
      left join required_gates g on g.stack_id = s.id
    order by g.phase desc, g.name`.execute(db);
  return {
    version: rows[0]?.version ?? 0,
    items: rows.flatMap(({ definition, set_by, set_at }) =>
      definition === null || set_by === null || set_at === null
        ? []
        : [{ gate: Gate.parse(definition), setBy: set_by, setAt: set_at.toISOString() }],
    ),
  };
}

/** Sets a gate and counts the change. Answers the new version and the gate, and undefined when it is as it was. */
export async function setRequiredGate(
  trx: Transaction,
  stackId: string,
  gate: Gate,
  setBy: string,
): Promise<{ version: number } | undefined> {
  await countChanges(trx, stackId);
  const { numAffectedRows } = await sql`
    insert into required_gates (stack_id, phase, name, definition, set_by)
    values (${stackId}, ${gate.phase}, ${gate.name}, ${JSON.stringify(gate)}, ${setBy})
    on conflict (stack_id, phase, name) do update
      set definition = excluded.definition, set_by = excluded.set_by, set_at = now()
      where required_gates.definition <> excluded.definition`.execute(trx);
  return numAffectedRows === 1n ? { version: await nextVersion(trx, stackId) } : undefined;
}

/** Takes a gate away and counts the change; undefined when there is none of that name. */
export async function removeRequiredGate(
  trx: Transaction,
  stackId: string,
  phase: GatePhase,
  name: string,
): Promise<{ version: number; gate: Gate } | undefined> {
  await countChanges(trx, stackId);
  const row = await trx
    .deleteFrom("required_gates")
    .where("stack_id", "=", stackId)
    .where("phase", "=", phase)
    .where("name", "=", name)
    .returning("definition")
    .executeTakeFirst();
  if (row === undefined) return undefined;
  return { version: await nextVersion(trx, stackId), gate: Gate.parse(row.definition) };
}

/** One of them, for an answer. */
export async function findRequiredGate(
  db: Database,
  stackId: string,
  phase: GatePhase,
  name: string,
): Promise<RequiredGate | undefined> {
  const { items } = await readRequiredGates(db, stackId);
  return items.find(({ gate }) => gate.phase === phase && gate.name === name);
}

/** Locks the count until the end of the transaction, so that two changes at once get two versions. */
async function countChanges(trx: Transaction, stackId: string): Promise<void> {
  await sql`insert into required_gate_versions (stack_id, version) values (${stackId}, 0)
    on conflict (stack_id) do nothing`.execute(trx);
  await sql`select 1 from required_gate_versions where stack_id = ${stackId} for update`.execute(trx);
}

async function nextVersion(trx: Transaction, stackId: string): Promise<number> {
  const { rows } = await sql<{ version: number }>`
    update required_gate_versions set version = version + 1 where stack_id = ${stackId} returning version`.execute(
    trx,
  );
  return rows[0]?.version ?? 0;
}
