import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import path from "node:path";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { findProcess } from "../automation/src/process-table.ts";
import { temporaryFolder } from "./helpers/folders.ts";
import { type FreshClone, freshClone } from "./helpers/fresh-clone.ts";
import { needs } from "./helpers/machine.ts";
import {
  freePort,
  launch,
  pidOf,
  processesOf,
  type StartedSlipway,
  startSlipwayIn,
} from "./helpers/running.ts";
import { eventually } from "./helpers/waiting.ts";

const FIRST_START_MS = 600_000;
const SECOND_START_LIMIT_S = 5;

let clone: FreshClone;
beforeAll(async () => {
  clone = await freshClone();
}, FIRST_START_MS);

async function start(
  options: { dataDir?: string; port?: number; wrapper?: readonly string[] } = {},
): Promise<StartedSlipway> {
  const dataDir = options.dataDir ?? temporaryFolder("data", { reachable: true });
  const port = options.port ?? (await freePort());
  const wrapper = options.wrapper ?? [];
  const running = await startSlipwayIn(clone.root, { dataDir, port, wrapper });
  onTestFinished(async () => {
    if (running.npm.exitCode === null && running.npm.signalCode === null) await running.interrupt();
    for (const { pid } of processesOf(dataDir)) process.kill(pid, "SIGKILL");
  });
  return running;
}

async function stacks({ url, token }: StartedSlipway): Promise<string[]> {
  const response = await fetch(`${url}/v1/stacks`, { headers: { authorization: `Bearer ${token()}` } });
  const { items } = (await response.json()) as { items: { project: string; name: string }[] };
  return items.map(({ project, name }) => `${project}/${name}`).sort();
}

async function createStack({ url, token }: StartedSlipway, name: string): Promise<void> {
  const response = await fetch(`${url}/v1/stacks`, {
    method: "POST",
    headers: { authorization: `Bearer ${token()}`, "content-type": "application/json" },
    body: JSON.stringify({ project: "slipway", name }),
  });
  expect(response.status).toBe(201);
}

async function ready(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/readyz`);
    await response.body?.cancel();
    return response.ok;
  } catch {
    // Nothing listens yet.
    return false;
  }
}

test("on a fresh clone npm start installs, comes up, says how to sign in, and ends with Ctrl-C", () => {
  const { firstOutput, firstSeconds, root } = clone;
  console.log(`first start: ${firstSeconds.toFixed(1)} s`);
  for (const step of [
    "dependencies",
    "Pulumi CLI",
    "database",
    "schema",
    "console",
    "keeper",
    "server",
    "worker",
  ]) {
    expect(firstOutput).toMatch(new RegExp(`done {4}${step} \\(`));
  }
  expect(firstOutput).toContain("npx slipway login");
  expect(firstOutput).toContain("owner-token");
  // A pipe may be a file that others read.
  const token = readFileSync(path.join(root, ".slipway", "owner-token"), "utf8").trim();
  expect(firstOutput).not.toContain(token);
  expect(statSync(path.join(root, ".slipway", "owner-token")).mode & 0o777).toBe(0o600);
  expect(firstOutput.trim().endsWith("Stopped.")).toBe(true);
  expect(processesOf(root)).toEqual([]);
});

test("the clone's tree is clean after a start", () => {
  expect(execFileSync("git", ["status", "--porcelain"], { cwd: clone.root, encoding: "utf8" })).toBe("");
});

test("a second start takes less than 5 s, without any network", async (context) => {
  needs(context, "root");
  const dataDir = path.join(clone.root, ".slipway");
  // A namespace whose only interface is loopback.
  const wrapper = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"];
  const seconds: number[] = [];
  // Other test files share the cores: the best of three is what a start costs.
  while (seconds.length < 3 && Math.min(...seconds) >= SECOND_START_LIMIT_S) {
    const running = await start({ dataDir, wrapper });
    seconds.push(running.seconds);
    expect(running.output()).not.toContain("dependencies");
    expect(await running.interrupt()).toBe("Stopped.");
    await eventually("no process is left", 2_000, () => processesOf(dataDir).length === 0);
  }
  console.log(`second start, offline: ${seconds.map((one) => one.toFixed(2)).join(", ")} s`);
  expect(Math.min(...seconds)).toBeLessThan(SECOND_START_LIMIT_S);
});

test("this repository is registered as a project with stack local", async () => {
  const running = await start();
  expect(await stacks(running)).toEqual(["slipway/local"]);
});

test("whatever is killed is running again, and nothing that was acknowledged is lost", async () => {
  const running = await start();
  await createStack(running, "kept");
  for (const name of ["postgres", "server", "keeper", "worker"]) {
    const pid = pidOf(running.dataDir, name);
    process.kill(pid, "SIGKILL");
    await eventually(`another ${name}`, 30_000, async () => {
      try {
        const now = pidOf(running.dataDir, name);
        return now !== pid && findProcess(now) !== undefined && (await ready(running.url));
      } catch {
        // Its record is away while it is down.
        return false;
      }
    });
    expect(await stacks(running)).toEqual(["slipway/kept", "slipway/local"]);
    expect(running.output()).toContain(
      name === "postgres" ? "The database ended" : `The ${name} ended (SIGKILL)`,
    );
  }
  expect(await running.interrupt()).toBe("Stopped.");
  await eventually("no process is left", 2_000, () => processesOf(running.dataDir).length === 0);
});

test("after a kill -9 of the start itself its children end, and a new start has everything", async () => {
  const first = await start();
  await createStack(first, "kept");
  const supervisor = processesOf(first.dataDir).filter(({ command }) =>
    command.includes("automation/src/start.ts"),
  );
  expect(supervisor).toHaveLength(1);
  const postgres = pidOf(first.dataDir, "postgres");
  process.kill(Number(supervisor[0]?.pid), "SIGKILL");
  expect(await first.exited).not.toBe(0);
  // At once: the old children are still on their way out and hold the port.
  const second = await start({ dataDir: first.dataDir, port: Number(new URL(first.url).port) });
  expect(await stacks(second)).toEqual(["slipway/kept", "slipway/local"]);
  expect(pidOf(second.dataDir, "postgres")).toBe(postgres);
  expect(await second.interrupt()).toBe("Stopped.");
  await eventually("no process is left", 2_000, () => processesOf(second.dataDir).length === 0);
});

test("after a kill -9 of everything at once a new start has everything", async () => {
  const first = await start();
  await createStack(first, "kept");
  for (const { pid } of processesOf(first.dataDir)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It went with one that was killed before it.
    }
  }
  await first.exited;
  const second = await start({ dataDir: first.dataDir });
  expect(await stacks(second)).toEqual(["slipway/kept", "slipway/local"]);
});

test("a second start on the same data folder is refused and harms nothing", async () => {
  const first = await start();
  const second = launch(clone.root, { dataDir: first.dataDir, port: await freePort() });
  expect(await second.exited).toBe(1);
  expect(second.output()).toMatch(/Slipway is already running on .* \(process \d+\)\./);
  expect(await ready(first.url)).toBe(true);
});

test("a port in use is one sentence that names the holder, exit code 1, and nothing was started", async () => {
  const holder = createServer();
  const port = await freePort();
  await new Promise<void>((resolve) => holder.listen(port, "127.0.0.1", resolve));
  onTestFinished(() => new Promise<void>((resolve) => holder.close(() => resolve())));
  const dataDir = temporaryFolder("data", { reachable: true });
  const refused = launch(clone.root, { dataDir, port });
  expect(await refused.exited).toBe(1);
  expect(refused.output()).toContain(`Port ${port} on 127.0.0.1 is in use by process ${process.pid}`);
  expect(refused.output()).toContain("SLIPWAY_PORT");
  expect(readdirSync(dataDir)).toEqual([]);
});

test.each([
  [
    "a read-only data folder",
    'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0"',
    /The data folder .* is read-only\./,
  ],
  [
    "a full disk",
    'mount -t tmpfs -o size=1m none "$0" && (cat /dev/zero > "$0/fill" || true) 2>/dev/null',
    /The disk that holds .* is full\./,
  ],
])("%s is one sentence, exit code 1, and nothing was started", async (_what, mount, sentence) => {
  const dataDir = temporaryFolder("data", { reachable: true });
  const wrapper = ["unshare", "--mount", "sh", "-c", `${mount} && exec "$@"`, dataDir];
  const refused = launch(clone.root, { dataDir, port: await freePort(), wrapper });
  expect(await refused.exited).toBe(1);
  expect(refused.output()).toMatch(sentence);
  expect(refused.output()).not.toContain("done");
  expect(existsSync(path.join(dataDir, "postgres"))).toBe(false);
});
