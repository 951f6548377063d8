import { spawn } from "node:child_process";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { mkdtempSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { pulumiEnvironment } from "../../automation/src/engine/pulumi-cli/environment.ts";
import type { PulumiInstallation } from "../../automation/src/engine/pulumi-cli/installation.ts";
import { pulumiForTests } from "../../automation/src/engine/pulumi-cli/testing.ts";
import type { TestApi } from "./api.ts";
import { COMPILE_CACHE } from "./compiled.ts";

const REPOSITORY = path.resolve(import.meta.dirname, "../..");
/** A run that needs longer hangs. */
const RUN_TIMEOUT_MS = 120_000;

/** What a run of the CLI came to. */
export interface CliRun {
  code: number | null;
  stdout: string;
  stderr: string;
  /** Both, for messages that may be on either. */
  text: string;
}

export interface CliOptions {
  cwd?: string;
  env?: Record<string, string>;
  stdin?: string;
}

/** The stock CLI of a person, with a home of its own, against a server that listens. */
export interface TestCli {
  url: string;
  /** A private home; projects lie below it. */
  home: string;
  /** Runs `pulumi <args>` in `cwd`, and waits. */
  run(args: readonly string[], options?: CliOptions): Promise<CliRun>;
  /** Like `run`; throws unless it exits with 0. */
  succeed(args: readonly string[], options?: CliOptions): Promise<CliRun>;
  /** Requests below /api since the last call, as `METHOD path status`, ids of updates as `:id`; without those that every command makes. */
  requests(): string[];
  /** Makes a folder for a project below the home whose programs find the SDK. */
  folder(name: string): string;
  close(): Promise<void>;
}

const EVERY_COMMAND = /^GET \/api\/(user|user\/organizations\/default|capabilities) 200$/;
const UPDATE_ID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

/** Makes the server listen on a port of its own, and logs the CLI in to it. `installation`: another CLI than the one that Slipway uses. */
export async function startTestCli(
  api: TestApi,
  options: { installation?: PulumiInstallation; token?: string; login?: boolean } = {},
): Promise<TestCli> {
  const installation = options.installation ?? (await pulumiForTests());
  const url = api.app.server.listening
    ? `http://127.0.0.1:${String((api.app.server.address() as { port: number }).port)}`
    : await api.app.listen({ port: 0, host: "127.0.0.1" });
  const home = realpathSync(mkdtempSync(path.join(tmpdir(), "slipway-cli-")));
  const seen = recordRequests(api.app.server);
  const run: TestCli["run"] = (args, { cwd = home, env = {}, stdin = "" } = {}) => {
    const child = spawn(installation.path, [...args], {
      cwd,
      env: {
        ...pulumiEnvironment(installation, {
          compileCacheDir: path.join(`${COMPILE_CACHE}-of-tests`, "node"),
        }),
        HOME: home,
        PULUMI_HOME: path.join(home, ".pulumi"),
        NO_COLOR: "1",
        SLIPWAY_TEST_MARK: process.env.SLIPWAY_TEST_MARK ?? "",
        ...env,
      },
      timeout: RUN_TIMEOUT_MS,
    });
    const [out, err]: [string[], string[]] = [[], []];
    child.stdout.setEncoding("utf8").on("data", (text: string) => out.push(text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => err.push(text));
    child.stdin.end(stdin);
    return new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) => {
        const [stdout, stderr] = [out.join(""), err.join("")];
        resolve({ code, stdout, stderr, text: stdout + stderr });
      });
    });
  };
  const succeed: TestCli["succeed"] = async (args, given) => {
    const ran = await run(args, given);
    if (ran.code !== 0) throw new Error(`pulumi ${args.join(" ")} exited with ${ran.code}:\n${ran.text}`);
    return ran;
  };
  if (options.login !== false) {
    await succeed(["login", url], { env: { PULUMI_ACCESS_TOKEN: options.token ?? api.token } });
    seen.take();
  }
  return {
    url,
    home,
    run,
    succeed,
    requests: () => seen.take().filter((line) => !EVERY_COMMAND.test(line)),
    folder: (name) => path.join(home, name),
    close: async () => {
      seen.stop();
      rmSync(home, { recursive: true, force: true });
      await Promise.resolve();
    },
  };
}

/** Lets the programs of a folder find this repository's packages. */
export function linkPackages(folder: string): string {
  symlinkSync(path.join(REPOSITORY, "node_modules"), path.join(folder, "node_modules"));
  return folder;
}

/** Records what a server has answered. */
function recordRequests(server: Server): { take(): string[]; stop(): void } {
  let lines: string[] = [];
  const onFinish = (message: unknown): void => {
    const {
      request,
      response,
      server: from,
    } = message as {
      request: IncomingMessage;
      response: ServerResponse;
      server: Server;
    };
    if (from !== server || request.url?.startsWith("/api") !== true) return;
    lines.push(`${request.method ?? ""} ${request.url.replace(UPDATE_ID, ":id")} ${response.statusCode}`);
  };
  subscribe("http.server.response.finish", onFinish);
  return {
    take: () => {
      const taken = lines;
      lines = [];
      return taken;
    },
    stop: () => void unsubscribe("http.server.response.finish", onFinish),
  };
}
