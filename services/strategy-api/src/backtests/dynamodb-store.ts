import { gunzipSync, gzipSync } from "node:zlib";
import { z } from "zod";
import { auditWrite, drawPosition } from "../audit/dynamodb-store.ts";
import { ALL, docOf, existingIds, getItem, type Item, listPage, N, queryPage, S } from "../dynamodb/items.ts";
import { isAt } from "../dynamodb/named-things.ts";
import type { Tables } from "../dynamodb/tables.ts";
import { commit, type Write } from "../dynamodb/transaction.ts";
import { ContentionError } from "../errors.ts";
import { RiskProfile } from "../risk-profiles/store.ts";
import { Strategy } from "../strategies/store.ts";
import { findDynamoTemplate } from "../templates/dynamodb-store.ts";
import { EquityPointSchema, TradeSchema } from "./schema.ts";
import { type BacktestStore, type StoredBacktest, StoredSummary } from "./store.ts";

type BacktestTables = Tables<"backtests" | "strategies" | "risk-profiles" | "templates" | "audit">;
type Refusal = "moved" | "taken";

/** Partition of the curves, which are too large to be read with every list. */
const CURVES = "curves";
const Curves = z.object({ equity: z.array(EquityPointSchema), trades: z.array(TradeSchema) });
/** How often a backtest starts again because its strategy or profile was changed meanwhile. */
const MAX_ROUNDS = 5;

export function dynamoBacktests(tables: BacktestTables): BacktestStore {
  const TableName = tables.names.backtests;

  /** Ids of a strategy or a profile that is gone become null, as a reference does in Postgres. */
  async function withLivingReferences(summaries: readonly StoredSummary[]): Promise<StoredSummary[]> {
    const idsOf = (key: "strategyId" | "riskProfileId") =>
      summaries.map((summary) => summary[key]).filter((id) => id !== null);
    const [strategies, profiles] = await Promise.all([
      existingIds(tables, "strategies", idsOf("strategyId")),
      existingIds(tables, "risk-profiles", idsOf("riskProfileId")),
    ]);
    return summaries.map((summary) => ({
      ...summary,
      strategyId: keep(summary.strategyId, strategies),
      riskProfileId: keep(summary.riskProfileId, profiles),
    }));
  }

  return {
    async list(page, strategyId) {
      if (strategyId === null) {
        const items = await listPage(tables, "backtests", page);
        return withLivingReferences(items.map((item) => docOf(StoredSummary, item)));
      }
      const living = await existingIds(tables, "strategies", [strategyId]);
      if (!living.has(strategyId)) return [];
      const key = { name: "strategyId", value: strategyId };
      const items = await queryPage(tables, "backtests", key, page, { IndexName: "by-strategy" });
      return withLivingReferences(items.map((item) => docOf(StoredSummary, item)));
    },

    async find(id) {
      const [summaryItem, curvesItem] = await Promise.all([
        getItem(tables, "backtests", ALL, id),
        getItem(tables, "backtests", CURVES, id),
      ]);
      if (summaryItem === undefined || curvesItem === undefined) return undefined;
      const [summary] = await withLivingReferences([docOf(StoredSummary, summaryItem)]);
      return summary && { ...summary, ...unpack(curvesItem) };
    },

    async insert({ id, strategyId, riskProfileId }, compute, change) {
      for (let round = 1; round <= MAX_ROUNDS; round += 1) {
        const [strategyItem, profileItem] = await Promise.all([
          getItem(tables, "strategies", ALL, strategyId),
          getItem(tables, "risk-profiles", ALL, riskProfileId),
        ]);
        const strategy = strategyItem && docOf(Strategy, strategyItem);
        const profile = profileItem && docOf(RiskProfile, profileItem);
        const template = strategy && (await findDynamoTemplate(tables, strategy.templateId));
        const { inputs, result } = compute({ strategy, profile, template });
        const position = await drawPosition(tables);
        const { metrics, resultDigest, equity, trades } = result;
        const createdAt = change.at.toISOString();
        const summary = { id, strategyId, riskProfileId, inputs, metrics, resultDigest, createdAt };
        const stored: StoredBacktest = {
          ...summary,
          position,
          equity: [...equity],
          trades: [...trades],
        };
        const after = { strategyId, riskProfileId, metrics, resultDigest };
        const writes: Write<Refusal>[] = [
          {
            write: {
              Put: {
                TableName,
                Item: {
                  collection: S(ALL),
                  id: S(id),
                  position: N(position),
                  strategyId: S(strategyId),
                  doc: S(JSON.stringify({ ...summary, position })),
                },
                ConditionExpression: "attribute_not_exists(#collection)",
                ExpressionAttributeNames: { "#collection": "collection" },
              },
            },
            refused: "taken",
          },
          { write: { Put: { TableName, Item: pack(id, stored) } }, refused: "taken" },
          ...[
            { name: tables.names.strategies, subject: strategy },
            { name: tables.names["risk-profiles"], subject: profile },
          ].flatMap(({ name, subject }): Write<Refusal>[] =>
            subject === undefined ? [] : [{ write: isStill(name, subject), refused: "moved" }],
          ),
          {
            write: auditWrite(tables, position, {
              ...change,
              action: "backtest.completed",
              subjectId: id,
              after,
            }),
            refused: "taken",
          },
        ];
        const outcome = await commit(tables, writes);
        if (outcome === "done") return stored;
        if (outcome === "taken") throw new Error(`There is already a backtest ${id}.`);
      }
      throw new ContentionError("The strategy or the profile was changed each time that the backtest ran.");
    },
  };
}

function keep(id: string | null, living: ReadonlySet<string>): string | null {
  return id !== null && living.has(id) ? id : null;
}

/** The strategy or profile has not been changed since it was read. */
function isStill(TableName: string, subject: { readonly id: string; readonly revision: number }) {
  return {
    ConditionCheck: {
      TableName,
      Key: { collection: S(ALL), id: S(subject.id) },
      ...isAt(subject),
    },
  };
}

/** Packed: an item holds at most 400 KB, and the curves of ten years are near that as text. */
function pack(id: string, { equity, trades }: Pick<StoredBacktest, "equity" | "trades">): Item {
  return {
    collection: S(CURVES),
    id: S(id),
    curves: { B: gzipSync(JSON.stringify({ equity, trades })) },
  };
}

function unpack(item: Item): z.output<typeof Curves> {
  return Curves.parse(JSON.parse(gunzipSync(item.curves?.B ?? new Uint8Array()).toString("utf8")));
}
