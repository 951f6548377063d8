import { namedThings } from "../dynamodb/named-things.ts";
import type { Tables } from "../dynamodb/tables.ts";
import { RiskProfile, type RiskProfileContent, type RiskProfileStore } from "./store.ts";

export function dynamoRiskProfiles(tables: Tables<"risk-profiles" | "audit">): RiskProfileStore {
  const things = namedThings(tables, {
    table: "risk-profiles",
    schema: RiskProfile,
    created: "risk_profile.created",
    changed: "risk_profile.changed",
    removed: "risk_profile.removed",
  });
  return {
    list: things.list,
    find: things.find,
    insert: (profile, change) =>
      things.insert((position) => {
        const at = change.at.toISOString();
        return {
          id: profile.id,
          position,
          ...contentOf(profile),
          revision: 1,
          createdAt: at,
          updatedAt: at,
        };
      }, change),
    update: (id, decide, change) =>
      things.update(
        id,
        async (before) => ({
          ...before,
          ...contentOf(await decide(before)),
          revision: before.revision + 1,
          updatedAt: change.at.toISOString(),
        }),
        change,
      ),
    remove: things.remove,
  };
}

function contentOf(profile: RiskProfileContent): RiskProfileContent {
  const { name, maxPositionPercent, stopLossPercent, maxDrawdownPercent } = profile;
  return { name, maxPositionPercent, stopLossPercent, maxDrawdownPercent };
}
