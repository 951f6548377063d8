import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { onTestFinished } from "vitest";
import { pulumiForTests } from "../automation/src/engine/pulumi-cli/testing.ts";
import type { ProcessView } from "../infra/providers/local/contract.ts";
import { digestFolder } from "../infra/providers/local/folder-digest.ts";
import { type KeeperClient, keeperClient } from "../infra/providers/local/keeper-client.ts";

const root = path.resolve(import.meta.dirname, "..");
const entry = path.join(root, "automation/src/keeper.ts");
/** For tests without a Database: nothing listens there. */
const NO_DATABASE = "postgres://nobody:nothing@127.0.0.1:9/none";

export interface RunningKeeper {
  socket: string;
  pid: number;
  client: KeeperClient;
  /** All that it printed so far, log lines included. */
  output(): string;
  /** Ends it by a signal and resolves with its exit code; null when the signal itself ended it. */
  end(signal: "SIGTERM" | "SIGINT" | "SIGKILL"): Promise<number | null>;
}

/** Starts the real keeper on a data folder and waits until it says that it is ready. The test ends it if it did not itself. */
export async function startKeeperProcess(
  dataDir: string,
  env: Record<string, string> = {},
): Promise<RunningKeeper> {
  const child = spawn(process.execPath, [entry], {
    env: { ...process.env, SLIPWAY_DATA_DIR: dataDir, SLIPWAY_KEEPER_DATABASE_URL: NO_DATABASE, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const lines: string[] = [];
  const exited = new Promise<number | null>((resolve) => child.once("close", resolve));
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    return await exited;
  };
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) await end("SIGTERM");
  });
  const ready = Promise.withResolvers<{ socket: string; pid: number }>();
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      lines.push(line);
      if (line.startsWith('{"ready":true')) ready.resolve(JSON.parse(line));
    });
  }
  void exited.then((code) => ready.reject(new Error(`the keeper ended with ${code}:\n${lines.join("\n")}`)));
  const { socket, pid } = await ready.promise;
  return { socket, pid, client: keeperClient(socket), output: () => lines.join("\n"), end };
}

/** Stops all that a killed keeper left, by starting one more and ending it as Ctrl-C does. */
export async function cleanUp(dataDir: string): Promise<void> {
  const keeper = await startKeeperProcess(dataDir);
  await keeper.end("SIGINT");
}

export interface TestBundle {
  path: string;
  digest: string;
}

/** Writes a bundle of some files and digests it. */
export async function bundleOf(folder: string, files: Readonly<Record<string, string>>): Promise<TestBundle> {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), content);
  }
  return { path: folder, digest: await digestFolder(folder) };
}

/** A server that answers its version, after `?wait=` milliseconds; `health` is what it says on /healthz. */
export function fakeServer(version: string, health: number | "crash" = 200): string {
  if (health === "crash") return `console.log("no such table: ${version}"); process.exit(3);`;
  return `
    import { createServer } from "node:http";
    createServer((request, response) => {
      const url = new URL(request.url, "http://x");
      if (url.pathname === "/healthz") return response.writeHead(${health}).end();
      if (url.pathname === "/secret-length") return response.end(String((process.env.SECRET ?? "").length));
      if (url.pathname === "/stream") {
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write("data: ${version}\\n\\n");
        return;
      }
      if (request.method === "POST") return request.pipe(response);
      setTimeout(() => response.end("${version}"), Number(url.searchParams.get("wait") ?? 0));
    }).listen(process.env.PORT, "127.0.0.1", () => console.log("listening as ${version}"));
  `;
}

/** The inputs of a process of this bundle, as the provider sends them. */
export function processRequest(bundle: TestBundle, more: Record<string, unknown> = {}): object {
  return {
    owner: "urn:pulumi:test::trial::slipway-local:index:Process::api",
    name: "api",
    bundle,
    command: ["node", "server.mjs"],
    healthTimeoutSeconds: 10,
    stopTimeoutSeconds: 2,
    ...more,
  };
}

export function isRunning(view: Pick<ProcessView, "pid">): boolean {
  try {
    const stat = readFileSync(`/proc/${view.pid}/stat`, "utf8");
    return !/\) [ZX] /.test(stat);
  } catch {
    return false;
  }
}

/** Runs `pulumi <arguments>` on the trial's stack; never throws for a failed run. */
export type Cli = (...args: string[]) => Promise<{ code: number | null; output: string }>;

export interface Trial {
  pulumi: Cli;
  /** Sets one config value. */
  set(name: string, value: string): void;
  output(name: string): Promise<string>;
  stateFile: string;
  folder: string;
}

/** A Pulumi project in `folder` with this program, the local provider and a file backend. `program` may import infra's components by `#components/`. */
export async function trial(folder: string, program: string, socket: string): Promise<Trial> {
  const project = path.join(folder, "project");
  for (const name of ["project", "state", "home"]) mkdirSync(path.join(folder, name));
  const config: Record<string, string> = {};
  const write = (name: string, content: unknown) =>
    writeFileSync(path.join(project, name), typeof content === "string" ? content : JSON.stringify(content));
  write("Pulumi.yaml", {
    name: "trial",
    runtime: { name: "nodejs", options: { typescript: false } },
    plugins: { providers: [{ name: "slipway-local", path: path.join(root, "infra/providers/local") }] },
  });
  write("package.json", { type: "module", main: "index.ts" });
  write("index.ts", program.replaceAll("#infra/", `${root}/infra/`));
  symlinkSync(path.join(root, "node_modules"), path.join(project, "node_modules"));
  const { path: cli, languageHostDir, nodePath } = await pulumiForTests();
  const env = {
    ...process.env,
    PATH: [languageHostDir ?? path.dirname(cli), path.dirname(nodePath), process.env.PATH].join(
      path.delimiter,
    ),
    PULUMI_BACKEND_URL: `file://${path.join(folder, "state")}`,
    PULUMI_HOME: path.join(folder, "home"),
    PULUMI_CONFIG_PASSPHRASE: "correct horse",
    PULUMI_SKIP_UPDATE_CHECK: "true",
    SLIPWAY_KEEPER_SOCKET: socket,
  };
  const pulumi: Cli = async (...args) => {
    const child = spawn(cli, [...args, "--non-interactive"], {
      cwd: project,
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk) => (output += String(chunk)));
    const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
    return { code, output };
  };
  const made = await pulumi("stack", "init", "trial");
  if (made.code !== 0) throw new Error(made.output);
  const configFile = path.join(project, "Pulumi.trial.yaml");
  const salt = readFileSync(configFile, "utf8");
  return {
    pulumi,
    folder: project,
    stateFile: path.join(folder, "state/.pulumi/stacks/trial/trial.json"),
    set(name, value) {
      config[`trial:${name}`] = value;
      writeFileSync(configFile, `${salt}config: ${JSON.stringify(config)}\n`);
    },
    async output(name) {
      const { code, output } = await pulumi("stack", "output", name, "--show-secrets");
      if (code !== 0) throw new Error(output);
      return output.trim();
    },
  };
}
