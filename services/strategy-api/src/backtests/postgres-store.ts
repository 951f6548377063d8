import { z } from "zod";
import { appendAudit } from "../audit/postgres-store.ts";
import { type Database, inTransaction } from "../database.ts";
import { ColumnInstant } from "../fields.ts";
import { lockRiskProfile } from "../risk-profiles/postgres-store.ts";
import { lockStrategy } from "../strategies/postgres-store.ts";
import { findTemplate } from "../templates/postgres-store.ts";
import { type BacktestStore, StoredBacktest, StoredSummary } from "./store.ts";

const SummaryRow = StoredSummary.extend({ createdAt: ColumnInstant });
const BacktestRow = StoredBacktest.extend({ createdAt: ColumnInstant });

const SUMMARY_COLUMNS = `id, position, strategy_id as "strategyId", risk_profile_id as "riskProfileId", inputs, metrics,
  result_digest as "resultDigest", created_at as "createdAt"`;
const ALL_COLUMNS = `${SUMMARY_COLUMNS}, equity, trades`;

export function postgresBacktests(db: Database): BacktestStore {
  return {
    async list(page, strategyId) {
      const { rows } = await db.query(
        `select ${SUMMARY_COLUMNS} from backtests
          where ($1::bigint is null or position < $1) and ($2::uuid is null or strategy_id = $2)
          order by position desc limit $3`,
        [page.before, strategyId, page.limit + 1],
      );
      return z.array(SummaryRow).parse(rows);
    },

    async find(id) {
      const { rows } = await db.query(`select ${ALL_COLUMNS} from backtests where id = $1`, [id]);
      return rows[0] === undefined ? undefined : BacktestRow.parse(rows[0]);
    },

    insert: ({ id, strategyId, riskProfileId }, compute, change) =>
      inTransaction(db, async (tx) => {
        // Locked, so that neither can be removed between being read and being referred to.
        const strategy = await lockStrategy(tx, strategyId);
        const profile = await lockRiskProfile(tx, riskProfileId);
        const template = strategy && (await findTemplate(tx, strategy.templateId));
        const { inputs, result } = compute({ strategy, profile, template });
        const { rows } = await tx.query(
          `insert into backtests
             (id, strategy_id, risk_profile_id, inputs, metrics, equity, trades, result_digest, created_at)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning ${ALL_COLUMNS}`,
          [
            id,
            strategyId,
            riskProfileId,
            JSON.stringify(inputs),
            JSON.stringify(result.metrics),
            JSON.stringify(result.equity),
            JSON.stringify(result.trades),
            result.resultDigest,
            change.at,
          ],
        );
        const stored = BacktestRow.parse(rows[0]);
        const { metrics, resultDigest } = stored;
        const after = { strategyId, riskProfileId, metrics, resultDigest };
        await appendAudit(tx, { ...change, action: "backtest.completed", subjectId: id, after });
        return stored;
      }),
  };
}
