import { namedThings } from "../dynamodb/named-things.ts";
import type { Tables } from "../dynamodb/tables.ts";
import { templateUse } from "../templates/dynamodb-store.ts";
import { Strategy, type StrategyStore } from "./store.ts";

export function dynamoStrategies(tables: Tables<"strategies" | "templates" | "audit">): StrategyStore {
  const things = namedThings(tables, {
    table: "strategies",
    schema: Strategy,
    created: "strategy.created",
    changed: "strategy.changed",
    removed: "strategy.removed",
    besides: (strategy, by) => templateUse(tables, strategy.templateId, by),
  });
  return {
    list: things.list,
    find: things.find,
    insert: (strategy, change) =>
      things.insert((position) => {
        const at = change.at.toISOString();
        const { id, name, templateId, symbol, parameters } = strategy;
        return {
          id,
          position,
          name,
          templateId,
          symbol,
          parameters,
          revision: 1,
          createdAt: at,
          updatedAt: at,
        };
      }, change),
    update: (id, decide, change) =>
      things.update(
        id,
        async (before) => {
          const { name, symbol, parameters } = await decide(before);
          const updatedAt = change.at.toISOString();
          return { ...before, name, symbol, parameters, revision: before.revision + 1, updatedAt };
        },
        change,
      ),
    remove: things.remove,
  };
}
