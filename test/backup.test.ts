import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Installation, Place, Ran } from "./helpers/installation.ts";
import { environmentOf, newPlace, ran, startInstallation } from "./helpers/installation.ts";
import type { Shelf } from "./helpers/shelf-project.ts";
import { openShelf, writeShelfProject } from "./helpers/shelf-project.ts";

const REPOSITORY = path.resolve(import.meta.dirname, "..");
const page = readFileSync(path.join(REPOSITORY, "docs/runbooks/backup.md"), "utf8");
const STACK = { organisation: "default", project: "shop", stack: "production" };
const WHOLE_STORY_MS = 900_000;
const COMMAND_MS = 300_000;
const WAIT_SECONDS = 60;

let first: Place;
let second: Place;
let running: Installation | undefined;
let shelf: Shelf;
beforeAll(async () => {
  [first, second] = [await newPlace("backup"), await newPlace("restore")];
  // What is deployed outlives the installation that deployed it.
  shelf = openShelf(path.join(second.projects, "shelf"));
  mkdirSync(path.join(second.home, "bin"));
  const shim = path.join(second.home, "bin", "slipway");
  writeFileSync(
    shim,
    `#!/bin/sh\nexec "${process.execPath}" "${REPOSITORY}/automation/bin/slipway.mjs" "$@"\n`,
  );
  chmodSync(shim, 0o755);
});
afterAll(async () => {
  await running?.stop();
  first.remove();
  second.remove();
});

/** Runs a block of the page as it stands there, in a folder that outlives the first installation. */
function follow(block: string, place: Place): Promise<Ran> {
  const [, text] = new RegExp(`^\`\`\`sh ${block}\n([\\s\\S]*?)^\`\`\`$`, "m").exec(page) ?? [];
  if (text === undefined) throw new Error(`the page has no block ${block}`);
  const env = environmentOf(place);
  const bin = path.join(second.home, "bin");
  return ran(["sh", "-ec", text], {
    cwd: second.home,
    env: { ...env, PATH: `${bin}${path.delimiter}${env.PATH ?? ""}` },
    timeoutMs: COMMAND_MS,
  });
}

async function deploy(
  { client }: Installation,
  operation: "update" | "rollback",
  release?: number,
): Promise<Awaited<ReturnType<Installation["client"]["getDeployment"]>>> {
  let deployment = await client.requestDeployment({
    params: STACK,
    query: { wait: 0 },
    body: { operation, options: {}, ...(release === undefined ? {} : { release }) },
  });
  while (deployment.finishedAt === null)
    deployment = await client.getDeployment({ params: { id: deployment.id }, query: { wait: WAIT_SECONDS } });
  expect(deployment.status, JSON.stringify(deployment.failure)).toBe("succeeded");
  return deployment;
}

/** What a person would compare, and the state byte for byte. */
async function everything({ client, cli }: Installation) {
  const releases = await client.listReleases({ params: STACK, query: {} });
  const deployments = await client.listDeployments({ query: {} });
  const states = await client.listStates({ params: STACK, query: {} });
  const audit = await client.listAudit({ query: { limit: 200 } });
  const config = await client.listConfig({ params: STACK });
  const exported = await cli(["state", "export", "shop/production"]);
  expect(exported.code, exported.stderr).toBe(0);
  return {
    releases: releases.items,
    deployments: deployments.items,
    states: states.items,
    audit: audit.items,
    config,
    // The server's address is put into it as it is read.
    state: exported.stdout.replaceAll(/http:\/\/127\.0\.0\.1:\d+/g, "http://server"),
  };
}

function itemOnShelf(): unknown {
  return JSON.parse(readFileSync(path.join(shelf.folder, "one.json"), "utf8"));
}

test("an installation is restored on an empty machine: the same history, states and secrets; what moved after the backup is refused until it is reconciled; a rollback needs nothing of the old machine", {
  timeout: WHOLE_STORY_MS,
}, async () => {
  const folder = path.join(first.projects, "shop");
  const write = (text: string): string =>
    writeShelfProject(folder, "shop", {
      shelf,
      items: { one: text, safe: "hidden-words" },
      sealed: ["safe"],
    });
  write("first");
  running = await startInstallation({ place: first });
  await running.client.createProject({ body: { organisation: "default", name: "shop", folder } });
  await running.client.createStack({
    body: { organisation: "default", project: "shop", name: "production", tags: {} },
  });
  await running.client.setConfig({
    params: { ...STACK, key: "shop:password" },
    body: { value: "hunter2", secret: true },
  });
  await deploy(running, "update");
  write("second");
  await deploy(running, "update");
  const before = await everything(running);

  const backup = await follow("backup", first);
  expect(backup.code, backup.stderr).toBe(0);
  expect(backup.stdout).toMatch(/encrypted; read again and opened/);
  const file = path.join(second.home, "slipway.backup");
  for (const secret of [
    "hunter2",
    "hidden-words",
    readFileSync(path.join(first.dataDir, "secret.key"), "utf8").trim(),
  ])
    expect(readFileSync(file).includes(secret)).toBe(false);

  // A future that the backup does not know.
  write("third");
  await deploy(running, "update");
  await running.stop();
  running = undefined;
  first.remove();
  expect(existsSync(folder)).toBe(false);

  const checked = await follow("check", second);
  expect(checked.code, checked.stderr).toBe(0);
  expect(existsSync(second.dataDir)).toBe(false);
  const restored = await follow("restore", second);
  expect(restored.code, restored.stderr).toBe(0);
  expect(restored.stdout).toContain("compared with what is there: 2.");

  running = await startInstallation({ place: second });
  const after = await everything(running);
  expect(after.releases).toEqual(before.releases);
  expect(after.deployments).toEqual(before.deployments);
  expect(after.states).toEqual(before.states);
  expect(after.config).toEqual(before.config);
  expect(after.state).toBe(before.state);
  expect(after.audit.filter((one) => before.audit.some((old) => old.sequence === one.sequence))).toEqual(
    before.audit,
  );
  expect(after.audit.find(({ action }) => action === "installation.restored")).toBeDefined();
  const shown = await running.cli(["state", "export", "shop/production"]);
  expect(shown.stdout).not.toContain("hidden-words");

  const refused = await running.cli(["rollback", "--stack", "shop/production", "--to", "1"]);
  expect(refused).toMatchObject({ code: 8, stderr: expect.stringContaining("slipway reconcile") as string });
  const reconciled = await follow("reconcile", second);
  expect(reconciled.code, reconciled.stdout).toBe(8);
  expect(reconciled.stdout).toContain("What is there differs from the restored state");
  expect(itemOnShelf()).toMatchObject({ text: "third" });
  const differs = await follow("differs", second);
  expect(differs.code, `${differs.stdout}${differs.stderr}`).toBe(0);

  // The dependencies of release 1 came with the file; its source is in the database; its folder is gone.
  expect(readdirSync(path.join(second.dataDir, "dependencies"))).toHaveLength(1);
  const rollback = await deploy(running, "rollback", 1);
  expect(rollback.targetRelease).toBe(1);
  expect(itemOnShelf()).toMatchObject({ text: "first" });
});
