import type { ChildProcess } from "node:child_process";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";

/** A real Prometheus that asks one exporter of the test. */
export interface TestPrometheus {
  url: string;
  /** Freezes it, so that it takes connections and answers nothing; and lets it go on. */
  freeze(): void;
  thaw(): void;
  /** Ends it, with its exporter. */
  stop(): Promise<void>;
}

/** A target that does not answer within it has no values until the next look: a machine that runs many tests at once needs some time. */
const SCRAPE_MS = 1_000;

/** Whether this machine has the program. */
export function hasPrometheus(): boolean {
  return spawnSync("prometheus", ["--version"]).status === 0;
}

/** Starts a Prometheus on a free port. `metrics` answers what is exported at the moment, in its text format. */
export async function startPrometheus(metrics: () => string): Promise<TestPrometheus> {
  const exporter = createServer((_, response) => response.end(metrics()));
  await new Promise<void>((resolve) => exporter.listen(0, "127.0.0.1", resolve));
  const target = `127.0.0.1:${(exporter.address() as AddressInfo).port}`;
  const folder = mkdtempSync(path.join(tmpdir(), "slipway-prometheus-"));
  const config = path.join(folder, "prometheus.yml");
  const scrape = {
    job_name: "double",
    scrape_interval: `${SCRAPE_MS}ms`,
    static_configs: [{ targets: [target] }],
  };
  // JSON is YAML.
  writeFileSync(
    config,
    JSON.stringify({ global: { scrape_timeout: `${SCRAPE_MS}ms` }, scrape_configs: [scrape] }),
  );
  const child = spawn(
    "prometheus",
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${path.join(folder, "data")}`,
      "--web.listen-address=127.0.0.1:0",
      "--log.format=json",
    ],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  const exited = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const url = `http://${await addressOf(child)}`;
  return {
    url,
    freeze: () => void child.kill("SIGSTOP"),
    thaw: () => void child.kill("SIGCONT"),
    stop: async () => {
      child.kill("SIGCONT");
      child.kill("SIGKILL");
      await exited;
      exporter.closeAllConnections();
      await new Promise((resolve) => exporter.close(resolve));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** It says where it listens once it does. */
function addressOf(child: ChildProcess): Promise<string> {
  const lines: string[] = [];
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => reject(new Error(`prometheus ended with ${code}:\n${lines.join("\n")}`)));
    if (child.stderr === null) return;
    createInterface({ input: child.stderr }).on("line", (line) => {
      lines.push(line);
      const address = /"address":"([^"]+)".*"msg":"Listening on"/.exec(line)?.[1];
      if (address !== undefined) resolve(address);
    });
  });
}
