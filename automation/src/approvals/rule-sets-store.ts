import { sql } from "kysely";
import { StackRules } from "../contract/approvals.ts";
import type { Database, Transaction } from "../database.ts";
import { isProduction } from "./matching.ts";

/** What a stack asks for at this moment. */
export interface Guard {
  stackId: string;
  organisation: string;
  project: string;
  stack: string;
  production: boolean;
  /** Whether it only takes what was signed off. */
  signOff: boolean;
  /** 0: nobody has set any rules. */
  version: number;
  rules: StackRules;
  setAt: Date | null;
  setBy: string | null;
}

/** Of a stack that nobody has set rules for. */
const NO_RULES: StackRules = { rules: [], statefulTypes: [], emergency: [] };

/** The rules of a stack in force, or those of an earlier version; undefined when there is no such stack or version. */
export async function readGuard(db: Database, stackId: string, version?: number): Promise<Guard | undefined> {
  const { rows } = await sql<{
    organisation: string;
    project: string;
    stack: string;
    tags: Record<string, string>;
    signOff: boolean;
    version: number | null;
    rules: unknown;
    setAt: Date | null;
    setBy: string | null;
  }>`
    select p.organisation, p.name as project, s.name as stack, s.tags, r.version, r.rules, r.created_at as "setAt", r.created_by as "setBy",
      exists (select from readiness_settings o where o.stack_id = s.id and o.required) as "signOff"
    from stacks s join projects p on p.id = s.project_id
    left join lateral (
      select * from approval_rule_sets a
      where a.stack_id = s.id and (${version ?? null}::integer is null or a.version = ${version ?? null})
      order by a.version desc limit 1) r on true
    where s.id = ${stackId}
  `.execute(db);
  const row = rows[0];
  if (row === undefined || (version !== undefined && row.version === null)) return undefined;
  const { organisation, project, stack, signOff, setAt, setBy } = row;
  return {
    stackId,
    organisation,
    project,
    stack,
    production: isProduction(row.tags),
    signOff,
    version: row.version ?? 0,
    rules: row.version === null ? NO_RULES : StackRules.parse(row.rules),
    setAt,
    setBy,
  };
}

/** Whether people may have to vote about changes of the stack, so that nothing may change it on another way. */
export function isProtected({ rules, production }: Pick<Guard, "rules" | "production">): boolean {
  return production || rules.rules.length > 0;
}

/** What of a stack's rules a seal names: the version, and whether it counts as one of production. */
export async function rulesVersionOf(db: Database, stackId: string): Promise<string> {
  const guard = await readGuard(db, stackId);
  return `${guard?.version ?? 0}${guard?.production === true ? "+production" : ""}`;
}

/** Adds the next version of a stack's rules, whose row the caller has locked. Answers its number. */
export async function insertRules(
  trx: Transaction,
  { stackId, rules, createdBy }: { stackId: string; rules: StackRules; createdBy: string },
): Promise<number> {
  const { rows } = await sql<{ version: number }>`
    insert into approval_rule_sets (stack_id, version, rules, created_by)
    select ${stackId}, coalesce(max(version), 0) + 1, ${JSON.stringify(rules)}::jsonb, ${createdBy}
    from approval_rule_sets where stack_id = ${stackId}
    returning version
  `.execute(trx);
  return rows[0]?.version ?? 0;
}
