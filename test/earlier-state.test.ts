import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pulumiEnvironment } from "../automation/src/engine/pulumi-cli/environment.ts";
import { pulumiForTests } from "../automation/src/engine/pulumi-cli/testing.ts";
import { type Installation, newPlace, type Place, ran, startInstallation } from "./helpers/installation.ts";
import { linkPackages } from "./helpers/pulumi-cli.ts";
import { program, writeProject } from "./helpers/trivial-project.ts";
import { eventually } from "./helpers/waiting.ts";
import { seedDependencies } from "./helpers/worker.ts";

const SECRET = `export const hidden = pulumi.secret("correct horse");`;

let place: Place;
let slipway: Installation | undefined;
beforeAll(async () => {
  place = await newPlace("earlier");
});
afterAll(async () => {
  await slipway?.stop();
  place.remove();
});

/** Deploys a project into files, as Slipway once did below its data folder. */
async function deployIntoFiles(folder: string): Promise<void> {
  const state = path.join(place.dataDir, "state", "default");
  mkdirSync(state, { recursive: true, mode: 0o700 });
  const passphrase = path.join(place.dataDir, "state", "passphrase");
  writeFileSync(passphrase, "a long random phrase\n", { mode: 0o600 });
  const pulumi = await pulumiForTests();
  const env = {
    ...pulumiEnvironment(pulumi),
    HOME: place.home,
    PULUMI_HOME: path.join(place.home, "pulumi"),
    PULUMI_BACKEND_URL: pathToFileURL(state).href,
    PULUMI_CONFIG_PASSPHRASE_FILE: passphrase,
  };
  const elsewhere = writeProject(path.join(place.tmp, "thing"), "thing", {
    "index.js": program("v1", SECRET),
  });
  linkPackages(elsewhere);
  for (const args of [
    ["stack", "init", "organization/thing/local"],
    ["up", "--yes", "--skip-preview", "-s", "local"],
  ]) {
    const run = await ran([pulumi.path, ...args, "--non-interactive"], { cwd: elsewhere, env });
    expect(run.code, run.stderr).toBe(0);
  }
  writeProject(folder, "thing", { "index.js": program("v1", SECRET) });
}

test("stacks that an earlier start kept in files are told, and come over by the command that it prints", async () => {
  const folder = path.join(place.projects, "thing");
  await deployIntoFiles(folder);
  const running = await startInstallation({ place });
  slipway = running;
  const printed = await eventually("the command is printed", 10_000, () => {
    const [, command] = /npx slipway (state import .*)\n/.exec(running.output()) ?? [];
    return command;
  });

  seedDependencies(place.dataDir, folder);
  await running.client.createProject({ body: { name: "thing", folder } });
  await running.client.createStack({ body: { project: "thing", name: "local" } });
  // It has deployed before, into those files.
  expect((await running.cli(["preview", "-s", "thing/local"])).stdout).toMatch(/to create/);

  const imported = await running.cli(printed.split(" "));
  expect(imported.code, imported.stdout + imported.stderr).toBe(0);
  const deployed = await running.cli(["deploy", "-s", "thing/local", "--json"]);
  expect(JSON.parse(deployed.stdout), deployed.stderr).toMatchObject({
    status: "succeeded",
    changes: { same: 2 },
  });
  const release = await running.client.getRelease({
    params: { organisation: "default", project: "thing", stack: "local", number: 1 },
  });
  expect(release.outputs).toMatchObject({ version: "v1", hidden: { secret: true } });
});
