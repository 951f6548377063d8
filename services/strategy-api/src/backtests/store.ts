import { z } from "zod";
import type { Change } from "../audit/store.ts";
import type { PageRequest } from "../pagination.ts";
import type { RiskProfile } from "../risk-profiles/store.ts";
import type { Strategy } from "../strategies/store.ts";
import type { Template } from "../templates/store.ts";
import type { BacktestResult } from "./run.ts";
import { Backtest, type BacktestInputs, BacktestSummary } from "./schema.ts";

export const StoredSummary = BacktestSummary.extend({ position: z.string() });
export type StoredSummary = z.output<typeof StoredSummary>;
export const StoredBacktest = Backtest.extend({ position: z.string() });
export type StoredBacktest = z.output<typeof StoredBacktest>;

/** What a backtest runs with, as far as it exists. */
export type BacktestSubjects = {
  readonly strategy: Strategy | undefined;
  readonly profile: RiskProfile | undefined;
  readonly template: Template | undefined;
};

export type ComputedBacktest = {
  readonly inputs: z.output<typeof BacktestInputs>;
  readonly result: BacktestResult;
};

export type BacktestStore = {
  /** Summaries without curves, newest first, optionally of one strategy; one more than the limit. */
  list(page: PageRequest, strategyId: string | null): Promise<StoredSummary[]>;
  find(id: string): Promise<StoredBacktest | undefined>;
  /** Stores what `compute` makes of a strategy and a profile. Neither is changed or removed between being read and being referred to. */
  insert(
    backtest: { readonly id: string; readonly strategyId: string; readonly riskProfileId: string },
    compute: (subjects: BacktestSubjects) => ComputedBacktest,
    change: Change,
  ): Promise<StoredBacktest>;
};
