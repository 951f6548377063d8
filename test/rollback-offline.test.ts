import { spawn } from "node:child_process";
import { cpSync, mkdirSync, rmSync } from "node:fs";
import type { Socket } from "node:net";
import { connect, createServer } from "node:net";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startTestApi } from "./helpers/api.ts";
import { ran } from "./helpers/installation.ts";
import { needs } from "./helpers/machine.ts";
import { writeProject } from "./helpers/trivial-project.ts";
import { eventually } from "./helpers/waiting.ts";
import { listening, startWorker, startWorkerOf } from "./helpers/worker.ts";
import { fakeServer } from "./local-target-support.ts";

const REPOSITORY = path.resolve(import.meta.dirname, "..");
const KEEPER = path.join(REPOSITORY, "automation/src/keeper.ts");
const INSTALL_AND_DEPLOY_MS = 170_000;

const PROGRAM = `import { readFileSync } from "node:fs";
import pulumi from "@pulumi/pulumi";
const artifacts = JSON.parse(readFileSync(process.env.SLIPWAY_ARTIFACTS, "utf8"));
class Local extends pulumi.CustomResource {
  constructor(kind, name, args) { super("slipway-local:index:" + kind, name, { ...args, url: undefined }); }
}
const web = new Local("Process", "web", { name: "web", bundle: artifacts.web, command: ["node", "server.mjs"] });
const door = new Local("Endpoint", "door", { name: "door", routes: [{ path: "/", upstream: web.url }] });
export const url = door.url;
`;

/** A project whose service is built by a command, deployed to the keeper by a provider that is part of its own source. */
function writeVersion(folder: string, version: string): void {
  const files = {
    "Pulumi.yaml": `name: offline
runtime: { name: nodejs, options: { typescript: false } }
plugins: { providers: [{ name: slipway-local, path: infra/providers/local }] }
`,
    "index.js": PROGRAM,
    "server.mjs": fakeServer(version),
    "build.mjs": `import { cpSync, mkdirSync } from "node:fs"; mkdirSync("dist"); cpSync("server.mjs", "dist/server.mjs");\n`,
    "slipway.yaml": `services:
  web:
    path: .
    build: [node, build.mjs]
    artifact: dist
gates:
  - name: web-answers
    phase: after
    http: { output: url, expectStatus: 200 }
    interval: { intervalSeconds: 0.2 }
`,
  };
  writeProject(folder, "offline", files, ["zod"]);
  cpSync(path.join(REPOSITORY, "infra/providers/local"), path.join(folder, "infra/providers/local"), {
    recursive: true,
  });
}

test("without the clone, the npm caches and any network, a rollback serves the bytes of release 1 again", async (context) => {
  needs(context, "linux");
  needs(context, "root");
  const api = await startTestApi();
  onTestFinished(() => api.close());
  // The keeper and, in the end, the worker live in a network that has a loopback and nothing else.
  const network = await holdNetwork();
  const keeper = await startKeeperIn(network.enter, api.dataDir);
  onTestFinished(keeper.stop);

  const folder = path.join(api.root, "offline");
  const npmCache = path.join(api.root, "npm-cache");
  mkdirSync(npmCache);
  writeVersion(folder, "release-1");
  await api.ask("POST", "/v1/projects", { body: { name: "offline", folder } });
  await api.ask("POST", "/v1/stacks", { body: { project: "offline", name: "test" } });
  const stack = "/v1/stacks/default/offline/test";
  const deploy = async (body: Record<string, unknown>): Promise<Record<string, unknown>> => {
    const { body: asked } = await api.ask("POST", `${stack}/deployments`, { body });
    return eventually("the deployment ended", INSTALL_AND_DEPLOY_MS, async () => {
      const { body: now } = await api.ask("GET", `/v1/deployments/${asked.id}?wait=20`);
      return now.finishedAt === null ? undefined : now;
    });
  };
  const served = async (): Promise<string> => {
    const { body } = await api.ask("GET", `${stack}/outputs`);
    const { url } = body.outputs as { url: string };
    const script = `console.log(await (await fetch(${JSON.stringify(url)})).text())`;
    const { stdout } = await ran([...network.enter, process.execPath, "--input-type=module", "-e", script], {
      cwd: "/",
    });
    return stdout.trim();
  };

  // The dependencies come from a registry, by a worker that has a network.
  const first = await startWorkerOf(api, { env: { npm_config_cache: npmCache } });
  expect(await deploy({ operation: "preview" }), first.output()).toMatchObject({ status: "succeeded" });
  expect(await first.stop()).toBe(0);

  const socket = await forwardDatabase(api.databaseUrl, api.root);
  const serverUrl = await listening(api);
  await forwardServer(network.enter, serverUrl, api.root);
  const offline = await startWorker({
    dataDir: api.dataDir,
    databaseUrl: socket,
    serverUrl,
    wrapper: network.enter,
    env: { npm_config_cache: npmCache },
  });
  onTestFinished(async () => {
    await offline.stop();
  });
  expect(await deploy({ operation: "update" }), offline.output()).toMatchObject({
    status: "succeeded",
    release: 1,
  });
  expect(await served()).toBe("release-1");
  rmSync(folder, { recursive: true });
  writeVersion(folder, "release-2");
  expect(await deploy({ operation: "update" })).toMatchObject({ status: "succeeded", release: 2 });
  expect(await served()).toBe("release-2");

  rmSync(folder, { recursive: true });
  rmSync(npmCache, { recursive: true });
  const back = await deploy({ operation: "rollback", release: 1 });
  expect(back, offline.output()).toMatchObject({ status: "succeeded", release: 3, targetRelease: 1 });
  expect(await served()).toBe("release-1");
  const [release1, release3] = await Promise.all(
    [1, 3].map(async (number) => (await api.ask("GET", `${stack}/releases/${number}`)).body),
  );
  expect(release3?.artifacts).toEqual(release1?.artifacts);
  expect(release3).toMatchObject({ rollbackOf: 1, health: "good", sourceDigest: release1?.sourceDigest });
});

/** A network namespace that lives until the test has finished, and the argv that runs a command in it. */
async function holdNetwork(): Promise<{ enter: string[] }> {
  const child = spawn("unshare", ["--net", "sh", "-c", "ip link set lo up && echo up && exec sleep 600"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = new Promise<void>((resolve) => child.once("close", () => resolve()));
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await exited;
  });
  await new Promise<void>((resolve) => child.stdout.once("data", () => resolve()));
  return { enter: ["nsenter", `--net=/proc/${child.pid}/ns/net`] };
}

async function startKeeperIn(
  enter: readonly string[],
  dataDir: string,
): Promise<{ stop: () => Promise<void> }> {
  const [program = "", ...args] = [...enter, process.execPath, KEEPER];
  const child = spawn(program, args, {
    stdio: ["ignore", "pipe", "inherit"],
    // It is asked for no database here.
    env: {
      ...process.env,
      SLIPWAY_DATA_DIR: dataDir,
      SLIPWAY_KEEPER_DATABASE_URL: "postgres://nobody@127.0.0.1:1/none",
    },
  });
  const exited = new Promise<void>((resolve) => child.once("close", () => resolve()));
  await new Promise<void>((resolve, reject) => {
    child.stdout.on("data", (text: Buffer) => {
      if (text.toString().includes('{"ready":true')) resolve();
    });
    void exited.then(() => reject(new Error("the keeper ended")));
  });
  return {
    stop: async () => {
      child.kill("SIGTERM");
      await exited;
    },
  };
}

/** The test's Postgres at a unix socket in `folder`, and the URL for it. */
async function forwardDatabase(databaseUrl: string, folder: string): Promise<string> {
  const url = new URL(databaseUrl);
  await forward(path.join(folder, ".s.PGSQL.5432"), url);
  return `postgres://${url.username}:${url.password}@localhost:5432${url.pathname}?host=${encodeURIComponent(folder)}`;
}

/** The test's server at the same address of the loopback inside a network, as an installation there would have it. */
async function forwardServer(enter: readonly string[], serverUrl: string, folder: string): Promise<void> {
  const url = new URL(serverUrl);
  const socket = path.join(folder, "server.sock");
  await forward(socket, url);
  const script = `const { connect, createServer } = require("node:net");
createServer((inner) => {
  const outer = connect(${JSON.stringify(socket)});
  for (const [from, to] of [[inner, outer], [outer, inner]]) {
    from.on("error", () => to.destroy()).on("close", () => to.destroy()).pipe(to);
  }
}).listen(${url.port}, "127.0.0.1", () => console.log("up"));`;
  const [program = "", ...args] = [...enter, process.execPath, "-e", script];
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  const exited = new Promise<void>((resolve) => child.once("close", () => resolve()));
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await exited;
  });
  await new Promise<void>((resolve) => child.stdout.once("data", () => resolve()));
}

/** A unix socket that leads to a port of this network: sockets in the file system pass between network namespaces. */
async function forward(socket: string, to: URL): Promise<void> {
  const open = new Set<Socket>();
  const server = createServer((inner) => {
    const outer = connect(Number(to.port), to.hostname);
    for (const [from, into] of [
      [inner, outer],
      [outer, inner],
    ] as const) {
      open.add(from);
      from
        .on("error", () => into.destroy())
        .on("close", () => {
          open.delete(from);
          into.destroy();
        });
      from.pipe(into);
    }
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  onTestFinished(async () => {
    for (const one of open) one.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
}
