import { execFileSync, spawn } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { request } from "node:http";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { needsBrowser, openBrowser, signedIn } from "./helpers/console.ts";
import { temporaryFolder } from "./helpers/folders.ts";
import { type Installation, newPlace, type Place, ran, startInstallation } from "./helpers/installation.ts";
import { needs } from "./helpers/machine.ts";
import { program, writeProject } from "./helpers/trivial-project.ts";
import { eventually } from "./helpers/waiting.ts";

const REPOSITORY = path.resolve(import.meta.dirname, "..");
const SIGNED_IN_WITHIN_MS = 60_000;
const FIVE_MINUTES_MS = 300_000;
const START_TIMEOUT_MS = 170_000;
const STOP_TIMEOUT_MS = 10_000;
const OTHER_NAME = "slipway.example";
/** What other products need before their first result. */
const NOT_NEEDED = ["docker", "dockerd", "podman", "kubectl", "k3s", "kind", "minikube", "helm", "aws"];

const MANIFEST = "gates:\n  - name: thing-works\n    phase: after\n    command: [node, check.js]\n";
const CHECK = `const { version } = JSON.parse(process.env.SLIPWAY_OUTPUTS);
if (version === "broken") {
  console.error("error: version broken answers 500");
  process.exit(1);
}
`;

let place: Place;
let slipway: Installation;
let calledFile: string;
/** Before anything was started. */
const beganMs = performance.now();

beforeAll(async () => {
  place = await newPlace("first-run");
  const stubs = path.join(place.home, "stubs");
  calledFile = path.join(place.home, "called");
  mkdirSync(stubs);
  for (const name of NOT_NEEDED) {
    const stub = path.join(stubs, name);
    writeFileSync(stub, `#!/bin/sh\necho "$0 $*" >> '${calledFile}'\nexit 1\n`);
    chmodSync(stub, 0o755);
  }
  const PATH = [stubs, process.env.PATH].join(path.delimiter);
  slipway = await startInstallation({ place, env: { PATH, DOCKER_HOST: "unix:///nonexistent" } });
});

afterAll(async () => {
  await slipway.stop();
  place.remove();
});

test("onboarding 1: on plain localhost somebody is signed in to the console within 60 s of the start", async (context) => {
  needsBrowser(context);
  const began = performance.now();
  const browser = await openBrowser();
  try {
    const page = await signedIn(browser, slipway);
    const tookMs = slipway.readyAfterMs + performance.now() - began;
    expect(tookMs).toBeLessThan(SIGNED_IN_WITHIN_MS);
    console.log(`signed in ${(tookMs / 1000).toFixed(1)} s after the start`);
    // The token is not left in the address, where history and screenshots keep it.
    expect(page.url()).not.toContain(slipway.token);
    await page.getByText("local", { exact: true }).first().waitFor();
  } finally {
    await browser.close();
  }
});

test("onboarding 1: who asks for another host name gets a page with the right URL", async (context) => {
  const right = `http://127.0.0.1:${slipway.port}`;
  const program = await askAs(OTHER_NAME, "application/json");
  expect(program).toMatchObject({ status: 421 });
  expect(JSON.parse(program.body)).toMatchObject({
    code: "host_not_allowed",
    detail: expect.stringContaining(right),
    remedy: expect.stringContaining(right),
  });
  const person = await askAs(OTHER_NAME, "text/html");
  expect(person.status).toBe(421);

  needsBrowser(context);
  const browser = await openBrowser([`--host-resolver-rules=MAP ${OTHER_NAME} 127.0.0.1`]);
  try {
    const page = await browser.newPage();
    const response = await page.goto(`http://${OTHER_NAME}:${slipway.port}/`);
    expect(response?.status()).toBe(421);
    await page.getByRole("link", { name: right }).click();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    expect(new URL(page.url()).origin).toBe(right);
  } finally {
    await browser.close();
  }
});

test("onboarding 12: without Docker and cluster a project is deployed, broken and rolled back within 5 minutes of the start", async () => {
  const folder = writeProject(path.join(slipway.projects, "hello"), "hello", {
    "slipway.yaml": MANIFEST,
    "check.js": CHECK,
  });
  const cli = async (...args: string[]) => slipway.cli(args, { cwd: folder });
  const publish = (version: string): void => writeFileSync(path.join(folder, "index.js"), program(version));

  expect(await cli("projects", "create")).toMatchObject({ code: 0, stderr: "" });
  expect(await cli("stacks", "create", "dev")).toMatchObject({ code: 0, stderr: "" });
  const first = await cli("deploy", "-m", "the first one");
  expect(first.stdout).toMatch(/✓ update #1 of hello\/dev succeeded .*Release 1 was recorded/);
  expect(first.code).toBe(0);
  console.log(`time to first green deployment: ${((performance.now() - beganMs) / 1000).toFixed(1)} s`);

  publish("v2");
  expect(await cli("deploy", "-m", "the second one")).toMatchObject({ code: 0 });
  publish("broken");
  const broken = await cli("deploy", "-m", "the broken one");
  expect(broken.code).toBe(7);
  expect(broken.stdout).toMatch(/✗ .*thing-works.*version broken answers 500/);
  expect(broken.stdout).toMatch(/rolled back automatically: release 2 runs again/);
  expect((await cli("stacks", "outputs", "version")).stdout).toBe("v2\n");

  const back = await cli("rollback", "--to", "1");
  expect(back.code).toBe(0);
  expect((await cli("stacks", "outputs", "version")).stdout).toBe("v1\n");
  const tookMs = performance.now() - beganMs;
  expect(tookMs).toBeLessThan(FIVE_MINUTES_MS);
  console.log(`deployed, broken and rolled back ${(tookMs / 1000).toFixed(1)} s after the start`);
  expect(existsSync(calledFile) ? readFileSync(calledFile, "utf8") : "").toBe("");
});

test("onboarding 3: the second start works offline: it deploys a change and rolls it back", async (context) => {
  needs(context, "linux");
  needs(context, "root");
  await slipway.stop();
  slipway = await startInstallation({ place, offline: true });
  console.log(`second start, offline: ${(slipway.readyAfterMs / 1000).toFixed(1)} s`);
  const folder = path.join(slipway.projects, "hello");
  const cli = async (...args: string[]) => slipway.cli(args, { cwd: folder });
  writeFileSync(path.join(folder, "index.js"), program("v4"));
  const deployed = await cli("deploy");
  expect(deployed.stdout).toMatch(/succeeded/);
  expect(deployed.code).toBe(0);
  expect((await cli("stacks", "outputs", "version")).stdout).toBe("v4\n");
  expect(await cli("rollback", "--to", "2")).toMatchObject({ code: 0 });
  expect((await cli("stacks", "outputs", "version")).stdout).toBe("v2\n");
});

test("onboarding 3: npm start boots with no configuration at all", async (context) => {
  needs(context, "linux");
  needs(context, "root");
  // A clone that is installed, in a network of its own: the default port may be taken on this one, and nothing is fetched.
  const clone = temporaryFolder("no-configuration", { reachable: true });
  const home = temporaryFolder("home");
  const files = execFileSync("git", ["ls-files", "-z"], { cwd: REPOSITORY, encoding: "utf8" }).split("\0");
  for (const file of files.filter((one) => one !== "" && existsSync(path.join(REPOSITORY, one))))
    cpSync(path.join(REPOSITORY, file), path.join(clone, file), { recursive: true });
  symlinkSync(path.join(REPOSITORY, "node_modules"), path.join(clone, "node_modules"));
  const cache = process.env.XDG_CACHE_HOME ?? path.join(process.env.HOME ?? "/root", ".cache");
  const { SLIPWAY_PULUMI } = process.env;
  const env = {
    PATH: process.env.PATH,
    HOME: home,
    XDG_CACHE_HOME: cache,
    SLIPWAY_TEST_MARK: process.env.SLIPWAY_TEST_MARK,
    // Only where the machine has no other CLI.
    ...(SLIPWAY_PULUMI === undefined ? {} : { SLIPWAY_PULUMI }),
  };
  const start = ["sh", "-c", "ip link set lo up && exec npm start --silent"];
  const child = spawn("unshare", ["--net", ...start], {
    cwd: clone,
    env,
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (output += String(data)));
  try {
    await eventually("it runs, or it has ended", START_TIMEOUT_MS, () =>
      child.exitCode !== null || output.includes("Slipway is running at") ? true : undefined,
    );
    expect(output).toContain("Slipway is running at http://127.0.0.1:7420 ");
    expect(child.exitCode, output).toBeNull();
    expect(statSync(path.join(clone, ".slipway", "owner-token")).mode & 0o777).toBe(0o600);
    // What npx runs; through the borrowed node_modules it would find the CLI of this repository.
    const slipwayCli = [process.execPath, path.join(clone, "automation", "bin", "slipway.mjs")];
    const listed = await ran(
      ["nsenter", `--net=/proc/${child.pid}/ns/net`, ...slipwayCli, "stacks", "list"],
      { cwd: clone, env },
    );
    expect(listed).toMatchObject({ code: 0, stderr: "" });
    expect(listed.stdout).toContain("slipway/local");
  } finally {
    // Ctrl-C in a terminal reaches the whole foreground group; npm alone would not pass it on.
    if (child.exitCode === null) process.kill(-Number(child.pid), "SIGINT");
    await exited;
  }
  // npm answers the signal with its own death by it; what it started says how that went.
  await eventually("it has stopped in order", STOP_TIMEOUT_MS, () => output.endsWith("Stopped.\n"));
});

function askAs(host: string, accept: string): Promise<{ status: number | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: "127.0.0.1",
        port: slipway.port,
        path: "/",
        headers: { host: `${host}:${slipway.port}`, accept },
      },
      (response) => {
        let body = "";
        response.setEncoding("utf8").on("data", (chunk: string) => {
          body += chunk;
        });
        response.on("end", () => resolve({ status: response.statusCode, body }));
      },
    );
    sent.once("error", reject);
    sent.end();
  });
}
