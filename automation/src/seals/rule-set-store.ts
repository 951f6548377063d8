import { sql } from "kysely";
import { isProtected, readGuard, rulesVersionOf } from "../approvals/rule-sets-store.ts";
import type { Database } from "../database.ts";
import { readPolicySet } from "../policies/store.ts";
import type { SealFacts } from "./rules.ts";

/** The rules in force on a stack: who must approve, which gates are required, what policies demand. A change of any of them voids a seal. */
export async function readRuleSet(
  db: Database,
  stackId: string,
): Promise<Pick<SealFacts, "rules" | "policies">> {
  const approvals = await rulesVersionOf(db, stackId);
  const gates = await requiredGatesVersion(db, stackId);
  const policies = await readPolicySet(db, stackId);
  return {
    rules: { approvals, gates: String(gates) },
    policies: policies.rules.length === 0 ? null : policies.digest,
  };
}

/** Whether anybody is asked, or anything checked, before the stack may change. */
export async function hasRules(db: Database, stackId: string): Promise<boolean> {
  const guard = await readGuard(db, stackId);
  if (guard !== undefined && isProtected(guard)) return true;
  return (await readPolicySet(db, stackId)).rules.length > 0;
}

async function requiredGatesVersion(db: Database, stackId: string): Promise<number> {
  const { rows } = await sql<{ version: number }>`
    select version from required_gate_versions where stack_id = ${stackId}
  `.execute(db);
  return rows[0]?.version ?? 0;
}
