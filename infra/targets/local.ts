import pulumi from "@pulumi/pulumi";
import { type Artifacts, versionOf } from "../artifacts.ts";
import { Database } from "../components/local/database.ts";
import { Endpoint } from "../components/local/endpoint.ts";
import { Process } from "../components/local/process.ts";
import { StaticSite } from "../components/local/static-site.ts";
import type { LocalConfig } from "../config.ts";

export interface StackOutputs {
  url: pulumi.Output<string>;
  apiUrl: pulumi.Output<string>;
  version: string;
}

/** Paths that the API answers; the user interface has the rest. */
const API_PATHS = ["/api", "/health", "/healthz"];

/** The sample on this machine: a database, the API's process, the user interface's files, and one port before the two. */
export async function deployLocal(config: LocalConfig, artifacts: Artifacts): Promise<StackOutputs> {
  const environment = config["strategyDesk:environment"];
  const version = await versionOf(artifacts["strategy-api"]);

  const database = new Database("strategy-desk", {
    name: config["strategyDesk:database"] ?? `strategy_desk_${environment.replaceAll("-", "_")}`,
  });
  const api = new Process("strategy-api", {
    name: "strategy-api",
    bundle: artifacts["strategy-api"],
    command: ["node", "server.mjs"],
    environment: {
      DATABASE_URL: database.connectionUrl,
      APP_VERSION: version,
      ENVIRONMENT: environment,
      EXECUTION_MODE: config["strategyDesk:executionMode"],
      LOG_LEVEL: config["strategyDesk:logLevel"],
    },
  });
  const desk = new StaticSite("strategy-desk", {
    name: "strategy-desk",
    bundle: artifacts["strategy-desk"],
    // Relative: the API is on the origin that serves the page.
    runtimeConfig: { apiUrl: "/api", environment, flags: config["strategyDesk:flags"] },
  });
  const endpoint = new Endpoint("strategy-desk", {
    name: "strategy-desk",
    port: config["strategyDesk:port"],
    routes: [{ path: "/", upstream: desk.url }, ...API_PATHS.map((path) => ({ path, upstream: api.url }))],
  });

  return { url: endpoint.url, apiUrl: pulumi.interpolate`${endpoint.url}/api`, version };
}
