import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { z } from "zod";
import { EndpointView, ProcessView } from "../infra/providers/local/contract.ts";
import { keeperClient } from "../infra/providers/local/keeper-client.ts";
import { temporaryFolder } from "./helpers/folders.ts";
import { eventually } from "./helpers/waiting.ts";
import {
  bundleOf,
  cleanUp,
  fakeServer,
  isRunning,
  processRequest,
  type RunningKeeper,
  startKeeperProcess,
} from "./local-target-support.ts";

const SECRET = "not-to-be-seen-7391";
const ProcessList = z.object({ processes: z.array(ProcessView) });

async function setUp() {
  const folder = temporaryFolder("keeper");
  const dataDir = path.join(folder, "data");
  const keeper = await startKeeperProcess(dataDir, { KEEPERS_OWN_SECRET: SECRET });
  const bundle = await bundleOf(path.join(folder, "v1"), { "server.mjs": fakeServer("v1") });
  return { folder, dataDir, keeper, bundle };
}

const create = (keeper: RunningKeeper, request: object) =>
  keeper.client.call("POST", "/v1/processes", request, ProcessView);
const find = (keeper: RunningKeeper, id: string) => keeper.client.find(`/v1/processes/${id}`, ProcessView);
const textOf = async (url: string) => await (await fetch(url)).text();

test("a process serves from the keeper's copy of its bundle, whatever happens to the folder it came from", async () => {
  const { folder, keeper, bundle } = await setUp();
  const made = await create(keeper, processRequest(bundle));
  writeFileSync(path.join(folder, "v1", "server.mjs"), "throw new Error()");
  expect(await textOf(made.url)).toBe("v1");
  expect(await find(keeper, made.id)).toMatchObject({ running: true, bundleDigest: bundle.digest });

  // The same digest again needs no folder at all: that is what a rollback has.
  const again = await create(keeper, processRequest({ path: "/nowhere", digest: bundle.digest }));
  expect(await textOf(again.url)).toBe("v1");
  await expect(
    create(keeper, processRequest({ ...bundle, digest: `sha256:${"0".repeat(64)}` })),
  ).rejects.toThrow(/has the digest sha256:/);
});

test("environment values show neither in any command line, nor in the process's environment block, the log or the records", async () => {
  const { dataDir, keeper, bundle } = await setUp();
  const made = await create(keeper, processRequest(bundle, { environment: { SECRET } }));
  expect(await textOf(`${made.url}/secret-length`)).toBe(String(SECRET.length));

  expect(readFileSync(`/proc/${made.pid}/environ`, "utf8")).not.toContain(SECRET);
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    const file = `/proc/${pid}/cmdline`;
    if (existsSync(file)) expect(readFileSync(file, "utf8")).not.toContain(SECRET);
  }
  expect(keeper.output()).not.toContain(SECRET);
  const holders = filesBelow(path.join(dataDir, "keeper")).filter((file) =>
    readFileSync(file, "utf8").includes(SECRET),
  );
  expect(holders).toEqual([path.join(dataDir, "keeper/environments", `${made.id}.env`)]);
  expect(statSync(holders[0] ?? "").mode & 0o777).toBe(0o600);
  await keeper.client.remove(`/v1/processes/${made.id}`);
  expect(existsSync(holders[0] ?? "")).toBe(false);
});

test("a create that does not become healthy leaves nothing running and shows the end of the log", async () => {
  const { folder, keeper } = await setUp();
  const crashing = await bundleOf(path.join(folder, "bad"), { "server.mjs": fakeServer("bad", "crash") });
  await expect(create(keeper, processRequest(crashing))).rejects.toThrow(
    /ended \(exit code 3\) before it was healthy.*no such table: bad/s,
  );
  const sick = await bundleOf(path.join(folder, "sick"), { "server.mjs": fakeServer("sick", 503) });
  await expect(create(keeper, processRequest(sick, { healthTimeoutSeconds: 2 }))).rejects.toThrow(
    /\/healthz answered 503 for 2 s.*listening as sick/s,
  );
  await expect(create(keeper, processRequest(sick, { command: ["no-such-program"] }))).rejects.toThrow(
    /ENOENT/,
  );
  expect((await keeper.client.call("GET", "/v1/processes", undefined, ProcessList)).processes).toEqual([]);
  expect(commandLines().filter((line) => line.includes(folder))).toEqual([]);
});

test("a create whose caller hangs up is undone", async () => {
  const { folder, keeper } = await setUp();
  const slow = await bundleOf(path.join(folder, "slow"), { "server.mjs": fakeServer("slow", 503) });
  const hangUp = new AbortController();
  const pending = keeperClient(keeper.socket, hangUp.signal).call(
    "POST",
    "/v1/processes",
    processRequest(slow, { healthTimeoutSeconds: 60 }),
    ProcessView,
  );
  const running = () =>
    commandLines().some((line) => line.includes(".env server.mjs") && line.includes(folder));
  await eventually("the process starts", 5000, running);
  hangUp.abort();
  await expect(pending).rejects.toThrow("Cancelled.");
  await eventually("the process is gone", 5000, () => !running());
  await eventually("nothing of it is left", 5000, async () => {
    const { processes } = await keeper.client.call("GET", "/v1/processes", undefined, ProcessList);
    return processes.length === 0;
  });
});

test("a killed process shows as not running and is not brought back, neither at once nor by the next keeper", async () => {
  const { dataDir, keeper, bundle } = await setUp();
  const made = await create(keeper, processRequest(bundle));
  process.kill(made.pid, "SIGKILL");
  await eventually("drift", 5000, async () => (await find(keeper, made.id))?.running === false);
  await keeper.end("SIGTERM");
  const next = await startKeeperProcess(dataDir);
  expect((await find(next, made.id))?.running).toBe(false);

  // Its successor's create is when the keeper forgets it, with its environment.
  await create(next, processRequest(bundle));
  expect(await find(next, made.id)).toBeUndefined();
  expect(readdirSync(path.join(dataDir, "keeper/environments"))).toHaveLength(1);
});

test("an edited file of a running process's bundle shows as another digest, and the next create repairs it", async () => {
  const { dataDir, keeper, bundle } = await setUp();
  const made = await create(keeper, processRequest(bundle));
  const copy = path.join(dataDir, "keeper/bundles", bundle.digest.slice("sha256:".length), "server.mjs");
  chmodSync(copy, 0o644);
  writeFileSync(copy, "throw new Error('edited')");
  expect((await find(keeper, made.id))?.bundleDigest).not.toBe(bundle.digest);
  const repaired = await create(keeper, processRequest(bundle));
  expect(await textOf(repaired.url)).toBe("v1");
  expect((await find(keeper, repaired.id))?.bundleDigest).toBe(bundle.digest);
});

test("a graceful stop ends every process, and the next keeper restores them and their endpoint on the same ports", async () => {
  const { dataDir, keeper, bundle } = await setUp();
  const made = await create(keeper, processRequest(bundle));
  const endpoint = await keeper.client.call(
    "POST",
    "/v1/endpoints",
    { owner: "urn:endpoint", name: "web", routes: [{ path: "/", upstream: made.url }] },
    EndpointView,
  );
  expect(await keeper.end("SIGINT")).toBe(0);
  expect(isRunning(made)).toBe(false);
  await expect(fetch(endpoint.url)).rejects.toThrow();

  const next = await startKeeperProcess(dataDir);
  const restored = await find(next, made.id);
  expect(restored).toMatchObject({ running: true, url: made.url, owner: made.owner });
  expect(restored?.pid).not.toBe(made.pid);
  expect(await textOf(endpoint.url)).toBe("v1");
});

test("after kill -9 of the keeper the next one adopts the same processes and endpoint ports", async () => {
  const { dataDir, keeper, bundle } = await setUp();
  const made = await create(keeper, processRequest(bundle));
  const endpoint = await keeper.client.call(
    "POST",
    "/v1/endpoints",
    { owner: "urn:endpoint", name: "web", routes: [{ path: "/", upstream: made.url }] },
    EndpointView,
  );
  await keeper.end("SIGKILL");
  expect(isRunning(made)).toBe(true);
  expect(await textOf(made.url)).toBe("v1");

  const next = await startKeeperProcess(dataDir);
  expect(await find(next, made.id)).toMatchObject({
    running: true,
    pid: made.pid,
    startedAt: made.startedAt,
  });
  expect(await textOf(endpoint.url)).toBe("v1");
  await next.client.remove(`/v1/processes/${made.id}`);
  expect(isRunning(made)).toBe(false);
});

test("a keeper that is told to stop does not wait for a process to become healthy", async () => {
  const { folder, keeper } = await setUp();
  const slow = await bundleOf(path.join(folder, "slow"), { "server.mjs": fakeServer("slow", 503) });
  const pending = create(keeper, processRequest(slow, { healthTimeoutSeconds: 60 })).catch(String);
  await eventually("the process starts", 5000, () =>
    commandLines().some((line) => line.includes(".env server.mjs") && line.includes(folder)),
  );
  const begun = performance.now();
  expect(await keeper.end("SIGTERM")).toBe(0);
  expect(performance.now() - begun).toBeLessThan(5000);
  expect(await pending).toContain("The keeper is being stopped.");
  expect(commandLines().filter((line) => line.includes(folder))).toEqual([]);
});

test("a create that kill -9 of the keeper cut short is undone by the next keeper", async () => {
  const { folder, dataDir, keeper } = await setUp();
  const slow = await bundleOf(path.join(folder, "slow"), { "server.mjs": fakeServer("slow", 503) });
  const pending = create(keeper, processRequest(slow, { healthTimeoutSeconds: 60 })).catch(
    (thrown: unknown) => thrown,
  );
  const running = () =>
    commandLines().some((line) => line.includes(".env server.mjs") && line.includes(folder));
  await eventually("the process starts", 5000, running);
  // The keeper records the pid right after the start; the next one must find it even if it had not.
  await sleep(50);
  await keeper.end("SIGKILL");
  expect(await pending).toBeInstanceOf(Error);
  expect(running()).toBe(true);
  const next = await startKeeperProcess(dataDir);
  expect(running()).toBe(false);
  expect((await next.client.call("GET", "/v1/processes", undefined, ProcessList)).processes).toEqual([]);
});

test("a process that took over the pid of a deployed one is neither adopted nor stopped", async () => {
  const { dataDir, keeper, bundle } = await setUp();
  const made = await create(keeper, processRequest(bundle));
  const other = await create(keeper, processRequest(bundle, { owner: "urn:other", name: "other" }));
  await keeper.end("SIGKILL");
  process.kill(made.pid, "SIGKILL");
  // What the kernel would do after 4 million pids: the record now names another program's process.
  const file = path.join(dataDir, "keeper/processes", `${made.id}.json`);
  const record = JSON.parse(readFileSync(file, "utf8"));
  record.identity.pid = other.pid;
  writeFileSync(file, JSON.stringify(record));

  const next = await startKeeperProcess(dataDir);
  expect((await find(next, made.id))?.running).toBe(false);
  await next.client.remove(`/v1/processes/${made.id}`);
  expect(isRunning(other)).toBe(true);
});

test("a process that ignores SIGTERM is killed after its own grace", async () => {
  const { folder, keeper } = await setUp();
  const stubborn = await bundleOf(path.join(folder, "stubborn"), {
    "server.mjs": `process.on("SIGTERM", () => console.log("no"));\n${fakeServer("stubborn")}`,
  });
  const made = await create(keeper, processRequest(stubborn, { stopTimeoutSeconds: 0.5 }));
  const begun = performance.now();
  await keeper.client.remove(`/v1/processes/${made.id}`);
  expect(performance.now() - begun).toBeGreaterThan(450);
  expect(isRunning(made)).toBe(false);
});

test("a second keeper on the same data folder is refused, and leaves the first one alone", async () => {
  const { dataDir, keeper, bundle } = await setUp();
  const made = await create(keeper, processRequest(bundle));
  await expect(startKeeperProcess(dataDir)).rejects.toThrow(
    new RegExp(`ended with 1:\\nThe keeper cannot go on: Process ${keeper.pid} already keeps`),
  );
  expect(await find(keeper, made.id)).toMatchObject({ running: true });
});

test("the socket is reachable by its owner only, and a long data folder gets a short one", async () => {
  const { dataDir, keeper } = await setUp();
  expect(keeper.socket).toBe(path.join(dataDir, "run/keeper.sock"));
  expect(statSync(keeper.socket).mode & 0o777).toBe(0o600);
  expect(statSync(path.dirname(keeper.socket)).mode & 0o777).toBe(0o700);

  const long = path.join(dataDir, "x".repeat(60), "y".repeat(60));
  const far = await startKeeperProcess(long);
  expect(Buffer.byteLength(far.socket)).toBeLessThan(100);
  expect(statSync(path.dirname(far.socket)).mode & 0o777).toBe(0o700);
  const { resolveKeeperSocket } = await import("../infra/providers/local/keeper-socket.ts");
  expect(resolveKeeperSocket(long)).toBe(far.socket);
  await far.end("SIGTERM");
});

test("requests with unknown or wrong fields are refused, each named", async () => {
  const { keeper, bundle } = await setUp();
  await expect(create(keeper, processRequest(bundle, { name: "../up", surprise: 1 }))).rejects.toThrow(
    /surprise.*name/s,
  );
  await expect(create(keeper, processRequest(bundle, { environment: { PORT: "1" } }))).rejects.toThrow(
    /is set by the keeper/,
  );
  await expect(create(keeper, processRequest(bundle, { environment: { QUOTES: "'`" } }))).rejects.toThrow(
    /The value of QUOTES cannot be handed over/,
  );
});

test("a keeper that was killed leaves nothing that a clean stop of the next one does not end", async () => {
  const { dataDir, keeper, bundle } = await setUp();
  const made = await create(keeper, processRequest(bundle));
  await keeper.end("SIGKILL");
  await cleanUp(dataDir);
  expect(isRunning(made)).toBe(false);
});

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
}

function commandLines(): string[] {
  return readdirSync("/proc").flatMap((name) => {
    try {
      return /^\d+$/.test(name) ? [readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ")] : [];
    } catch {
      // It ended while we looked.
      return [];
    }
  });
}
