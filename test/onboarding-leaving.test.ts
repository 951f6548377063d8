import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { resolvePulumi } from "../automation/src/engine/pulumi-cli/resolve.ts";
import {
  environmentOf,
  type Installation,
  newPlace,
  type Place,
  ran,
  startInstallation,
} from "./helpers/installation.ts";
import { needs } from "./helpers/machine.ts";
import { processesOf } from "./helpers/running.ts";
import { writeProject } from "./helpers/trivial-project.ts";

const REPOSITORY = path.resolve(import.meta.dirname, "..");
const SECRET = "correct horse battery staple";
const SCRIPT_TIMEOUT_MS = 170_000;

const PROGRAM = `import pulumi from "@pulumi/pulumi";

const config = new pulumi.Config();
class Thing extends pulumi.ComponentResource {
  constructor(name, args) {
    super("leaving:index:Thing", name, args);
    this.registerOutputs(args);
  }
}
new Thing("thing", { greeting: config.require("greeting"), password: config.requireSecret("password") });
export const greeting = config.require("greeting");
export const password = config.requireSecret("password");
`;

const guide = readFileSync(path.join(REPOSITORY, "docs", "leaving.md"), "utf8");
let first: Place;
let second: Place;
let slipway: Installation | undefined;
/** What somebody takes along, the backend they go to, and the home in which the stock CLI runs. */
let out: string;
let backend: string;
let home: string;
let pulumiPath: string;

beforeAll(async () => {
  [first, second] = [await newPlace("leaving"), await newPlace("arriving")];
  [out, backend, home] = ["out", "backend", "person"].map((name) => path.join(first.home, name)) as [
    string,
    string,
    string,
  ];
  for (const folder of [out, backend, home]) mkdirSync(folder);
  writeFileSync(path.join(first.home, "password"), SECRET);
  writeFileSync(path.join(first.home, "passphrase"), "a phrase of one's own");
  const found = await resolvePulumi({ env: process.env, nodePath: process.execPath });
  pulumiPath = [found.languageHostDir, path.dirname(found.path)].filter(Boolean).join(path.delimiter);
});

afterAll(async () => {
  await slipway?.stop();
  first.remove();
  second.remove();
});

/** The commands of the guide's blocks of a kind, as one script. */
function commands(kind: "leave" | "arrive"): string {
  const blocks = [...guide.matchAll(/^```sh (\w+)\n([\s\S]*?)^```$/gm)].filter((one) => one[1] === kind);
  expect(blocks.length).toBeGreaterThan(0);
  return ["set -eux", ...blocks.map((one) => one[2])].join("\n");
}

/** Runs a script as a person would, in their project: `npx` finds slipway above it, and `pulumi` is the stock CLI. */
function asPerson(place: Place, script: string, env: Readonly<Record<string, string>>) {
  return ran(["sh", "-c", script], {
    cwd: path.join(place.projects, "app"),
    env: {
      ...environmentOf(place),
      PATH: [pulumiPath, process.env.PATH].join(path.delimiter),
      HOME: home,
      PULUMI_HOME: path.join(home, ".pulumi"),
      PULUMI_SKIP_UPDATE_CHECK: "true",
      DATA: place.dataDir,
      OUT: out,
      NEW_BACKEND: `file://${backend}`,
      OLD_BACKEND: `file://${backend}`,
      PASSWORD_FILE: path.join(first.home, "password"),
      PASSPHRASE_FILE: path.join(first.home, "passphrase"),
      ...env,
    },
    timeoutMs: SCRIPT_TIMEOUT_MS,
  });
}

/** A project with its dependencies, in a folder from which npx finds the CLI as it does below a clone. */
function writeApp(place: Place): string {
  const folder = writeProject(path.join(place.projects, "app"), "leaving", { "index.js": PROGRAM });
  symlinkSync(path.join(REPOSITORY, "node_modules"), path.join(folder, "node_modules"));
  const bin = path.join(place.projects, "node_modules", ".bin");
  mkdirSync(bin, { recursive: true });
  symlinkSync(path.join(REPOSITORY, "automation", "bin", "slipway.mjs"), path.join(bin, "slipway"));
  return folder;
}

const STACK = { organisation: "default", project: "leaving", stack: "dev" };

test("onboarding 13: what Slipway has deployed goes on with the stock CLI on another backend, without a change", async () => {
  slipway = await startInstallation({ place: first });
  const folder = writeApp(first);
  await slipway.client.createProject({ body: { name: "leaving", folder } });
  await slipway.client.createStack({ body: { project: "leaving", name: "dev" } });
  await slipway.client.setConfig({ params: { ...STACK, key: "greeting" }, body: { value: "- hello\n" } });
  await slipway.client.setConfig({
    params: { ...STACK, key: "password" },
    body: { value: SECRET, secret: true },
  });
  const deployed = await slipway.cli(["deploy", "-s", "leaving/dev", "-m", "before leaving"]);
  expect(deployed.code, deployed.stdout).toBe(0);

  const left = await asPerson(first, commands("leave"), {});
  expect(left.code, left.stdout + left.stderr).toBe(0);
  expect(left.stdout).toMatch(/2 unchanged/);

  const json = (name: string): unknown => JSON.parse(readFileSync(path.join(out, `${name}.json`), "utf8"));
  expect(json("releases")).toMatchObject([{ number: 1, health: "good", message: "before leaving" }]);
  expect(json("history")).toMatchObject([{ operation: "update", status: "succeeded" }]);
  expect(JSON.stringify(json("audit"))).toContain("deployment.requested");
  expect(json("outputs")).toMatchObject({ greeting: "- hello\n" });
  const names = readdirSync(out);
  expect(names).toContain("state.json");
  for (const name of names) expect(readFileSync(path.join(out, name), "utf8"), name).not.toContain(SECRET);
  for (const entry of readdirSync(backend, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath, entry.name);
    expect(readFileSync(file, "utf8"), file).not.toContain(SECRET);
  }
  const opened = await asPerson(first, "pulumi stack output password --show-secrets --stack dev", {
    PULUMI_BACKEND_URL: `file://${backend}`,
    PULUMI_CONFIG_PASSPHRASE_FILE: path.join(first.home, "passphrase"),
  });
  expect(opened.stdout).toBe(`${SECRET}\n`);
  await slipway.stop();
});

test("onboarding 13: a stack of the stock CLI goes on in another Slipway, without a change", async () => {
  slipway = await startInstallation({ place: second });
  const folder = writeApp(second);
  const stackFile = path.join(first.projects, "app", "Pulumi.dev.yaml");
  writeFileSync(path.join(folder, "Pulumi.dev.yaml"), readFileSync(stackFile));
  await slipway.client.createProject({ body: { name: "leaving", folder } });
  const arrived = await asPerson(second, commands("arrive"), {});
  expect(arrived.code, arrived.stdout + arrived.stderr).toBe(0);
  const [preview] = (await slipway.client.listStackDeployments({ params: STACK })).items;
  expect(preview).toMatchObject({ operation: "preview", status: "succeeded", changes: { same: 2 } });
  const updated = await slipway.cli(["deploy", "-s", "leaving/dev", "--json"]);
  expect(JSON.parse(updated.stdout)).toMatchObject({ status: "succeeded", changes: { same: 2 } });
  await slipway.stop();
  slipway = undefined;
});

test("onboarding 13: it writes nowhere but where the guide says, and Ctrl-C leaves no process and no port", async (context) => {
  needs(context, "linux");
  needs(context, "root");
  const place = await newPlace("uninstall");
  mkdirSync(place.dataDir, { mode: 0o711 });
  const { XDG_CACHE_HOME = "", npm_config_cache = "" } = environmentOf(place);
  const cache = path.join(XDG_CACHE_HOME, "slipway");
  for (const folder of [cache, npm_config_cache]) mkdirSync(folder, { recursive: true });
  // All else is read-only for it: also the folder of the projects, the machine's /tmp and the home of whoever runs this.
  const writable = [place.dataDir, place.home, place.tmp, REPOSITORY, cache, npm_config_cache];
  const wrapper = [
    ...["unshare", "--mount", "--propagation", "private", "sh", "-ec"],
    'while [ "$1" != -- ]; do mount --bind "$1" "$1"; shift; done; shift; mount -o remount,bind,ro /; exec "$@"',
    ...["sh", ...writable, "--"],
  ];
  try {
    const folder = writeProject(path.join(place.projects, "last"), "last", {});
    const one = await startInstallation({ place, wrapper });
    let ports: number[];
    try {
      const probe = await ran(
        ["nsenter", `--mount=/proc/${one.pid}/ns/mnt`, "touch", path.join(place.projects, "written")],
        { cwd: "/" },
      );
      expect(probe.stderr).toMatch(/[Rr]ead-only/);
      await one.client.createProject({ body: { name: "last", folder } });
      await one.client.createStack({ body: { project: "last", name: "dev" } });
      const deployed = await one.cli(["deploy", "-s", "last/dev"]);
      expect(deployed.code, deployed.stdout).toBe(0);
      ports = [one.port, Number(new URL(one.databaseUrl()).port)];
      for (const port of ports) expect(await answers(port)).toBe(true);
    } finally {
      expect(await one.stop()).toBe(0);
    }
    expect(processesOf(path.dirname(place.dataDir))).toEqual([]);
    for (const port of ports) expect(await answers(port), `port ${port}`).toBe(false);
    expect(readdirSync(place.tmp)).toEqual([]);
    expect(readdirSync(place.home)).toEqual([]);
    expect(existsSync(path.join(place.dataDir, "postgres", "location"))).toBe(false);
  } finally {
    place.remove();
  }
});

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
