import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Deployment } from "../automation/src/contract/deployments.ts";
import type { DeploymentEvent } from "../automation/src/contract/events.ts";
import {
  type Installation,
  newPlace,
  type Place,
  type Ran,
  startInstallation,
} from "./helpers/installation.ts";
import { linkPackages } from "./helpers/pulumi-cli.ts";
import { freePort } from "./helpers/sample.ts";
import { program, writeProject } from "./helpers/trivial-project.ts";

const FAILING = 'throw new Error("the licence has run out\\nat line 3");';

let place: Place;
let installation: Installation;
let folder: string;

beforeAll(async () => {
  place = await newPlace("cli-deploy");
  installation = await startInstallation({ place });
  folder = writeProject(path.join(place.projects, "thing"), "thing");
  await run(["projects", "create"]);
  await run(["stacks", "create", "local"]);
});
afterAll(async () => {
  await installation.stop();
  place.remove();
});

const LOCAL = { organisation: "default", project: "thing", stack: "local" };

/** All files below a folder but those of packages. */
function filesUnder(top: string): string[] {
  return readdirSync(top, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes("node_modules"))
    .map((entry) => path.join(entry.parentPath, entry.name));
}

function run(argv: readonly string[]): Promise<Ran> {
  return installation.cli(argv, { cwd: folder });
}

describe("a stack deployed from the command line", () => {
  test("a preview shows what would be created and records no release", async () => {
    const { code, stdout, stderr } = await run(["preview", "-m", "have a look"]);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(stdout).toMatch(/\+ create +trivial:index:Thing thing/);
    expect(stdout).toMatch(/✓ preview #1 of thing\/local succeeded in .*: 2 to create/);
    expect((await run(["releases"])).stdout).toContain("No releases yet");
  });

  test("a deployment prints plain lines per resource in a pipe and ends with its release", async () => {
    const { code, stdout } = await run(["deploy", "-m", "first"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^▸ update$/m);
    expect(stdout).toMatch(/\+ created +trivial:index:Thing thing/);
    expect(stdout).toContain("Release 1 was recorded.");
    expect(stdout).not.toContain("\u001b");
    expect((await run(["stacks", "outputs", "version"])).stdout).toBe("v1\n");
  });

  test("with --json a deployment prints one document, its final state", async () => {
    writeProject(folder, "thing", { "index.js": program("v2") });
    const { code, stdout } = await run(["deploy", "--json"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout) as Deployment).toMatchObject({ status: "succeeded", release: 2, number: 3 });
  });

  test("a program that fails is exit code 7 after the automatic rollback, with the first failing line before the remedy", async () => {
    writeProject(folder, "thing", { "index.js": `${program("v3")}\n${FAILING}` });
    const { code, stdout } = await run(["deploy", "--skip-preview"]);
    const lines = stdout.trimEnd().split("\n");
    const first = lines.findIndex((line) => /^✗ .*licence has run out/.test(line));
    expect(first, stdout).toBeGreaterThan(0);
    expect(lines.at(-1)).toContain("rolled back automatically: release 2 runs again");
    expect(code).toBe(7);
    expect((await run(["stacks", "outputs", "version"])).stdout).toBe("v2\n");
  });

  test("a program that fails in the preview changes nothing and is exit code 1", async () => {
    writeProject(folder, "thing", { "index.js": `${program("v4")}\n${FAILING}` });
    const { code, stdout } = await run(["deploy"]);
    expect(code).toBe(1);
    const lines = stdout.trimEnd().split("\n");
    expect(lines.at(-1)).toMatch(/^update #\d+ of thing\/local failed\.$/);
    expect(stdout).toMatch(/^✗ .*licence has run out/m);
    expect((await run(["stacks", "outputs", "version"])).stdout).toBe("v2\n");
  });

  test("rollback --to goes back to an older release", async () => {
    const { code, stdout } = await run(["rollback", "--to", "1", "-m", "v1 was fine"]);
    expect(stdout).toContain("was recorded");
    expect(code).toBe(0);
    expect((await run(["stacks", "outputs", "version"])).stdout).toBe("v1\n");
    expect((await run(["history"])).stdout).toContain("v1 was fine");
  });

  test("logs --follow --json prints one event a line, gap-free, and ends with the deployment", async () => {
    const { code, stdout } = await run(["logs", "2", "--follow", "--json"]);
    expect(code).toBe(0);
    const events = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as DeploymentEvent);
    expect(events.map((event) => event.sequence)).toEqual(events.map((_, index) => index + 1));
    expect(events.at(-1)?.body).toMatchObject({ type: "status", status: "succeeded" });
    const whole = await run(["logs", "2", "--json"]);
    expect(JSON.parse(whole.stdout)).toEqual(events);
  });

  test("history and audit tell the whole story, newest first", async () => {
    const history = JSON.parse((await run(["history", "--json"])).stdout) as Deployment[];
    expect(history.map((one) => one.number)).toEqual(history.map((_, index) => history.length - index));
    const { stdout } = await run(["audit", "-s", "local", "--action", "deployment.requested", "--json"]);
    expect(JSON.parse(stdout)).toHaveLength(history.length);
  });

  test("destroy --yes deletes the resources and leaves the stack and its history", async () => {
    const { code, stdout } = await run(["destroy", "--yes"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/- deleted +trivial:index:Thing thing/);
    expect((await run(["history", "--json"])).code).toBe(0);
  });

  test("the Pulumi CLI runs on the same state, and makes the stack that up names", async () => {
    expect((await run(["pulumi", "--", "stack", "ls"])).stdout).toMatch(/^local/m);
    const up = await run(["pulumi", "--", "preview", "-s", "byhand", "--non-interactive"]);
    expect(up.stderr).toContain("Stack byhand is new here");
    expect((await run(["pulumi", "--", "stack", "ls"])).stdout).toMatch(/^byhand/m);
    const missing = await run(["pulumi", "--", "stack", "output", "-s", "none"]);
    expect(missing.code).not.toBe(0);
    expect(missing.stderr).toContain("none");
  });

  test("an update by hand continues what a deployment left, and leaves stack files and no token behind", async () => {
    writeProject(folder, "thing", { "index.js": program("v5") });
    expect((await run(["deploy", "-s", "local"])).code).toBe(0);
    linkPackages(folder);
    const stackFile = path.join(folder, "Pulumi.local.yaml");
    const committed = "config:\n  thing:port: 7430 # the sample's\n";
    writeFileSync(stackFile, committed);
    const up = await run(["pulumi", "--", "up", "-s", "local", "--yes", "--skip-preview"]);
    expect(up.code, up.stderr).toBe(0);
    expect(up.stdout).toMatch(/2 unchanged/);
    expect(readFileSync(stackFile, "utf8")).toBe(committed);
    const version = await run(["pulumi", "--", "stack", "output", "version", "-s", "local"]);
    expect(version.stdout).toBe("v5\n");
    const [newest] = (await installation.client.listUpdates({ params: LOCAL, query: { limit: 1 } })).items;
    expect(newest).toMatchObject({
      kind: "update",
      status: "succeeded",
      deploymentId: null,
      principal: "owner",
    });
    const homes = [path.join(place.dataDir, "pulumi-home"), place.home, folder];
    for (const file of homes.flatMap(filesUnder))
      expect(readFileSync(file, "latin1").includes(installation.token), file).toBe(false);
  });

  test("without a running server it says how to start one", async () => {
    const { code, stderr } = await installation.cli(["pulumi", "--", "stack", "ls"], {
      cwd: folder,
      env: { SLIPWAY_PORT: String(await freePort()) },
    });
    expect(code).not.toBe(0);
    expect(stderr).toContain("does not answer");
    expect(stderr).toContain("npm start");
  });
});
