/** What the command line of a bench may say. */
export interface BenchOptions {
  /** How often each side is measured; undefined: the bench's own choice. */
  pairs: number | undefined;
  /** A short form, for every run of the checks. */
  quick: boolean;
  /** Of the runner, instead of what the product uses. */
  parallel: number | undefined;
  batchPeriodMs: number | undefined;
  /** How many there are in the larger of two lists. */
  deployments: number | undefined;
}
