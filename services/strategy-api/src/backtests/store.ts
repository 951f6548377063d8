import { z } from "zod";
import type { Queryable } from "../database.ts";
import { ColumnInstant } from "../fields.ts";
import type { PageRequest } from "../pagination.ts";
import type { BacktestResult } from "./run.ts";
import { Backtest, type BacktestInputs, BacktestSummary } from "./schema.ts";

const SummaryRow = BacktestSummary.extend({ position: z.string(), createdAt: ColumnInstant });
const BacktestRow = Backtest.extend({ position: z.string(), createdAt: ColumnInstant });
export type StoredBacktest = z.output<typeof BacktestRow>;

const SUMMARY_COLUMNS = `id, position, strategy_id as "strategyId", risk_profile_id as "riskProfileId", inputs, metrics,
  result_digest as "resultDigest", created_at as "createdAt"`;
const ALL_COLUMNS = `${SUMMARY_COLUMNS}, equity, trades`;

export async function insertBacktest(
  tx: Queryable,
  backtest: {
    readonly id: string;
    readonly strategyId: string;
    readonly riskProfileId: string;
    readonly inputs: z.output<typeof BacktestInputs>;
    readonly result: BacktestResult;
    readonly at: Date;
  },
): Promise<StoredBacktest> {
  const { result } = backtest;
  const { rows } = await tx.query(
    `insert into backtests
       (id, strategy_id, risk_profile_id, inputs, metrics, equity, trades, result_digest, created_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning ${ALL_COLUMNS}`,
    [
      backtest.id,
      backtest.strategyId,
      backtest.riskProfileId,
      JSON.stringify(backtest.inputs),
      JSON.stringify(result.metrics),
      JSON.stringify(result.equity),
      JSON.stringify(result.trades),
      result.resultDigest,
      backtest.at,
    ],
  );
  return BacktestRow.parse(rows[0]);
}

export async function findBacktest(db: Queryable, id: string): Promise<StoredBacktest | undefined> {
  const { rows } = await db.query(`select ${ALL_COLUMNS} from backtests where id = $1`, [id]);
  return rows[0] === undefined ? undefined : BacktestRow.parse(rows[0]);
}

/** Summaries without curves, newest first, optionally of one strategy; one more than the limit. */
export async function listBacktests(
  db: Queryable,
  page: PageRequest,
  strategyId: string | null,
): Promise<z.output<typeof SummaryRow>[]> {
  const { rows } = await db.query(
    `select ${SUMMARY_COLUMNS} from backtests
      where ($1::bigint is null or position < $1) and ($2::uuid is null or strategy_id = $2)
      order by position desc limit $3`,
    [page.before, strategyId, page.limit + 1],
  );
  return z.array(SummaryRow).parse(rows);
}
