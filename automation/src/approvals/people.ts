import { peopleOfGroups, peopleWhoDeploy } from "../access/groups-store.ts";
import type { ApprovalRule } from "../contract/approvals.ts";
import type { Database } from "../database.ts";

/** Who can vote for each of these rules at this moment, by the rule's name. */
export async function membersOf(
  db: Database,
  organisation: string,
  rules: readonly Pick<ApprovalRule, "name" | "from">[],
): Promise<Map<string, Set<string>>> {
  const groups = await peopleOfGroups(db, organisation, [...new Set(rules.flatMap(({ from }) => from))]);
  const everybody = rules.some(({ from }) => from.length === 0)
    ? await peopleWhoDeploy(db, organisation)
    : new Set<string>();
  return new Map(
    rules.map(({ name, from }) => [
      name,
      from.length === 0
        ? everybody
        : new Set(from.flatMap((group) => [...(groups.get(group) ?? new Set<string>())])),
    ]),
  );
}
