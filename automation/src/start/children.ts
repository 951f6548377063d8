import path from "node:path";
import type { Environment, StartConfig } from "../config.ts";
import type { ChildSpec } from "./child.ts";
import type { ChildContext } from "./slipway.ts";
import { urlOf } from "./url.ts";

/** A first start on a slow disk compiles everything. */
const READY_WITHIN_MS = 60_000;
/** After its drain time the worker ends its attempts: interrupt, wait, terminate, kill. */
const LADDER_MS = 50_000;
const PARENT_WATCH = new URL("./parent-watch.ts", import.meta.url).href;

/** The processes of a real start. */
export function slipwayChildren(
  config: StartConfig,
  env: Environment,
  nodePath: string,
  context: ChildContext,
): ChildSpec[] {
  const source = path.join(config.root, "automation", "src");
  const inherited = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined),
  ) as Record<string, string>;
  const spec = (name: string, stopWithinMs: number, own: Record<string, string>): ChildSpec => ({
    name,
    argv: [
      nodePath,
      "--import",
      `${PARENT_WATCH}?stop-within-ms=${stopWithinMs}`,
      path.join(source, `${name}.ts`),
    ],
    cwd: config.root,
    env: {
      ...inherited,
      SLIPWAY_ROOT: config.root,
      SLIPWAY_DATA_DIR: config.dataDir,
      SLIPWAY_LOG_LEVEL: config.logLevel,
      ...own,
    },
    readyWithinMs: READY_WITHIN_MS,
    stopWithinMs,
  });
  return [
    spec("keeper", 30_000, { SLIPWAY_KEEPER_DATABASE_URL: context.keeperDatabaseUrl }),
    spec("server", 15_000, {
      DATABASE_URL: context.databaseUrl,
      SLIPWAY_HOST: config.host,
      SLIPWAY_PORT: String(config.port),
    }),
    spec("worker", config.drainMs + LADDER_MS, {
      DATABASE_URL: context.databaseUrl,
      SLIPWAY_SERVER_URL: urlOf(config),
      SLIPWAY_PULUMI_PATH: context.pulumi.path,
      SLIPWAY_LANGUAGE_HOST_DIR: context.pulumi.languageHostDir ?? "",
      SLIPWAY_ENGINE_NODE: context.pulumi.nodePath,
      SLIPWAY_DRAIN: `${Math.ceil(config.drainMs / 1_000)}s`,
    }),
  ];
}
