import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { eventually } from "./waiting.ts";

const FIRST_START_MS = 600_000;

/** A Slipway started as a person starts it: npm start in its folder. */
export interface StartedSlipway {
  /** The process group that a terminal would send Ctrl-C to. */
  npm: ChildProcess;
  url: string;
  dataDir: string;
  /** Seconds from npm start to the line that it is running. */
  seconds: number;
  output(): string;
  token(): string;
  exited: Promise<number | null>;
  /** Ctrl-C in a terminal: the whole foreground group gets SIGINT, and npm passes it on once more. Resolves with the last line it printed; npm itself then ends by SIGINT, as a shell expects. */
  interrupt(): Promise<string>;
}

export interface StartOptions {
  dataDir: string;
  port: number;
  env?: Record<string, string>;
  /** Before npm: `["unshare", "--net"]`. */
  wrapper?: readonly string[];
}

/** Starts and does not wait. */
export function launch(root: string, options: StartOptions): Omit<StartedSlipway, "seconds"> {
  const [program = "npm", ...argv] = [...(options.wrapper ?? []), "npm", "start", "--silent"];
  const npm = spawn(program, argv, {
    cwd: root,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...withoutPackagedNode(process.env),
      SLIPWAY_DATA_DIR: options.dataDir,
      SLIPWAY_PORT: String(options.port),
      ...options.env,
    },
  });
  let output = "";
  for (const stream of [npm.stdout, npm.stderr]) {
    stream.on("data", (data) => {
      output += String(data);
    });
  }
  const exited = new Promise<number | null>((resolve) => npm.once("close", resolve));
  return {
    npm,
    url: `http://127.0.0.1:${options.port}`,
    dataDir: options.dataDir,
    output: () => output,
    token: () => readFileSync(path.join(options.dataDir, "owner-token"), "utf8").trim(),
    exited,
    interrupt: async () => {
      process.kill(-Number(npm.pid), "SIGINT");
      await exited;
      return output.trim().split("\n").at(-1) ?? "";
    },
  };
}

/** Starts and waits until it says that it is running. Throws with everything it printed when it ends before. */
export async function startSlipwayIn(root: string, options: StartOptions): Promise<StartedSlipway> {
  const began = performance.now();
  const started = launch(root, options);
  let ended = false;
  void started.exited.then(() => {
    ended = true;
  });
  await eventually(
    "npm start is up or has ended",
    FIRST_START_MS,
    () => ended || started.output().includes("Slipway is running at"),
  );
  if (ended) throw new Error(`npm start ended:\n${started.output()}`);
  return { ...started, seconds: (performance.now() - began) / 1000 };
}

/** The start must be tried with the Node that the machine has, not with the one that this test runs under. */
export function withoutPackagedNode(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const dirs = (env.PATH ?? "").split(path.delimiter).filter((dir) => !dir.includes("node_modules"));
  const ours = Object.entries(env).filter(
    ([name]) => !/^(npm_|NODE_ENV$|NODE_OPTIONS$|NODE_COMPILE_CACHE$|VITEST|TEST$)/i.test(name),
  );
  return { ...Object.fromEntries(ours), PATH: dirs.join(path.delimiter) };
}

/** Pids of running processes that name `folder` in their arguments, environment or working folder. */
export function processesOf(folder: string): { pid: number; command: string }[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, "utf8");
        if (/\) [ZX] /.test(stat)) return [];
        const command = readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0").join(" ");
        const env = readFileSync(`/proc/${name}/environ`, "utf8");
        return command.includes(folder) || env.includes(folder) ? [{ pid: Number(name), command }] : [];
      } catch {
        // It ended while we looked.
        return [];
      }
    });
}

/** Pid of a supervised process, as the start has written it down. */
export function pidOf(dataDir: string, name: string): number {
  const file = name === "postgres" ? "postgres/cluster/postmaster.pid" : `run/${name}.json`;
  const text = readFileSync(path.join(dataDir, file), "utf8");
  return name === "postgres" ? Number.parseInt(text, 10) : (JSON.parse(text) as { pid: number }).pid;
}

/** A loopback port that nothing listens on at the moment. */
export async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const address = probe.address();
  await new Promise<void>((resolve) => probe.close(() => resolve()));
  if (typeof address !== "object" || address === null) throw new Error("the probe has no port");
  return address.port;
}
