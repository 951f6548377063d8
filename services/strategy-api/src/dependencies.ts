import type { Logger } from "pino";
import type { Database } from "./database.ts";
import type { StreamRegistry } from "./market-data/streams.ts";
import type { Migration } from "./migrations.ts";

export type AppSettings = {
  readonly name: string;
  readonly version: string;
  readonly environment: string;
  readonly executionMode: "backtest" | "paper" | "live";
  readonly corsOrigins: string;
  readonly marketTickMs: number;
};

/** What the whole application is given where it is one process. */
export type AppDependencies = {
  readonly db: Database;
  readonly logger: Logger;
  readonly settings: AppSettings;
  readonly migrations: readonly Migration[];
  readonly streams: StreamRegistry;
  readonly now: () => Date;
  readonly newId: () => string;
};
