import { z } from "zod";
import { DataStoreHealth } from "../../contract/aws/function-health.ts";
import { failed, passed, type Verdict } from "./check.ts";

/** A table as DynamoDB describes it. */
export interface DescribedTable {
  status: string;
  indexes: Readonly<Record<string, string>>;
}

/** The table and each index that the manifest names are active. */
export function judgeTable(indexes: readonly string[], table: DescribedTable): Verdict {
  if (table.status !== "ACTIVE") return failed(`the table is ${table.status}, not ACTIVE`);
  for (const index of indexes) {
    const status = table.indexes[index];
    if (status === undefined) return failed(`the table has no index ${index}`);
    if (status !== "ACTIVE") return failed(`its index ${index} is ${status}, not ACTIVE`);
  }
  return passed(indexes.length === 0 ? "active" : `active, with ${indexes.join(", ")}`);
}

export function judgeCacheStatus(status: string): Verdict {
  return status === "available" ? passed("available") : failed(`the cache is ${status}, not available`);
}

/** An answer to PING. A server that asks who is there was reached, too. */
export function judgePong(line: string): Verdict {
  if (line === "+PONG") return passed("PING is answered");
  if (line.startsWith("-NOAUTH")) return passed("it answers, and asks for a password");
  return failed(`PING is answered with ${line}`);
}

/** The part of a health answer that says what the function reaches. */
const Stores = z.looseObject({ dataStores: z.array(DataStoreHealth) });

/**
 * What the health function says of a data store that only it can reach. Nothing said is no proof, and neither is that it did not ask: both are failures.
 * `why`: why it could not be seen from here.
 */
export function judgeByHealth(store: string, why: string, answer: unknown): Verdict {
  const from = `it cannot be reached from here (${why}); the health function says`;
  const stores = Stores.safeParse(answer);
  const said = stores.success ? stores.data.dataStores.find((one) => one.name === store) : undefined;
  if (said === undefined) return failed(`${from} nothing of ${store}`);
  const words = said.detail === "" ? said.state : `${said.state}, ${said.detail}`;
  switch (said.state) {
    case "reachable":
      return passed(`${from} ${words} (${Math.round(said.latencyMs)} ms)`);
    case "unreachable":
      return failed(`${from} ${words}`);
    case "not-asked":
      return failed(`${from} ${words}: nothing has shown that it answers`);
  }
}

export function judgeTimeSeries(status: string): Verdict {
  return status === "ACTIVE" ? passed("active") : failed(`the table is ${status}, not ACTIVE`);
}

/** A backup plan as AWS Backup has it. */
export interface DescribedPlan {
  rules: number;
  selections: number;
}

/** Active: it is there, has a rule that says when, and a selection that says what. */
export function judgePlan(plan: DescribedPlan | null): Verdict {
  if (plan === null) return failed("there is no such plan");
  if (plan.rules === 0) return failed("the plan has no rule: it never backs anything up");
  if (plan.selections === 0) return failed("the plan selects nothing to back up");
  return passed(`${plan.rules} rules, ${plan.selections} selections`);
}
