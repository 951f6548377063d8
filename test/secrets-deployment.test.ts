import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pulumiEnvironment } from "../automation/src/engine/pulumi-cli/environment.ts";
import { pulumiForTests } from "../automation/src/engine/pulumi-cli/testing.ts";
import { type Installation, newPlace, ran, startInstallation } from "./helpers/installation.ts";
import { linkPackages } from "./helpers/pulumi-cli.ts";
import { writeProject } from "./helpers/trivial-project.ts";
import { seedDependencies } from "./helpers/worker.ts";

const PARAMS = { organisation: "default", project: "vault", stack: "dev" };
const SECRETS = { password: "hunter2-canary", token: "hunter3-canary" };
/** What the program makes of its secrets, in clear: proof that it has read them. */
const DIGEST = createHash("sha256").update(`${SECRETS.password}/${SECRETS.token}`).digest("hex");

let slipway: Installation;
let folder: string;
beforeAll(async () => {
  slipway = await startInstallation({ place: await newPlace("secrets") });
  folder = linkPackages(
    writeProject(path.join(slipway.projects, "vault"), "vault", {
      ".gitignore": "node_modules\n",
      "index.js": `import { createHash } from "node:crypto";
import pulumi from "@pulumi/pulumi";
const config = new pulumi.Config();
const { token } = config.requireObject("api");
export const password = config.requireSecret("password");
export const digest = createHash("sha256").update(config.require("password") + "/" + token).digest("hex");
`,
    }),
  );
  seedDependencies(slipway.dataDir, folder);
});
afterAll(async () => {
  await slipway.stop();
  slipway.remove();
});

async function pulumi(...args: string[]): Promise<string> {
  const found = await pulumiForTests();
  const env = {
    ...pulumiEnvironment(found),
    HOME: slipway.home,
    PULUMI_HOME: path.join(slipway.home, ".pulumi"),
    PULUMI_ACCESS_TOKEN: slipway.token,
    SLIPWAY_TEST_MARK: process.env.SLIPWAY_TEST_MARK ?? "",
  };
  const run = await ran([found.path, "--non-interactive", ...args], { cwd: folder, env });
  if (run.code !== 0)
    throw new Error(`pulumi ${args.join(" ")} exited with ${run.code}:\n${run.stdout}${run.stderr}`);
  return run.stdout;
}

async function deploy(operation: "preview" | "update") {
  const made = await slipway.client.requestDeployment({
    params: PARAMS,
    query: { wait: 0 },
    body: { operation },
  });
  let deployment = made;
  while (deployment.finishedAt === null) {
    deployment = await slipway.client.getDeployment({ params: { id: made.id }, query: { wait: 30 } });
  }
  const { items } = await slipway.client.listEvents({
    params: { id: made.id },
    query: { after: 0, limit: 1000 },
  });
  expect(deployment.status, JSON.stringify([deployment.failure, items.slice(-20)])).toBe("succeeded");
  return { deployment, events: JSON.stringify(items) };
}

test("T20: committed secrets give the same in a CLI run, a preview and an update, also after the keys were rotated", async () => {
  // Another name for the server than the engine's: the state names the one that it was sealed at.
  await pulumi("login", slipway.baseUrl.replace("127.0.0.1", "localhost"));
  await pulumi("stack", "init", "dev");
  await pulumi("config", "set", "--secret", "password", SECRETS.password);
  await pulumi("config", "set", "--secret", "--path", "api.token", SECRETS.token);
  await pulumi("up", "--yes", "--skip-preview");
  const outputs = async () =>
    JSON.parse(await pulumi("stack", "output", "--json", "--show-secrets")) as unknown;
  const expected = { password: SECRETS.password, digest: DIGEST };
  expect(await outputs()).toEqual(expected);

  await slipway.client.createProject({ body: { name: "vault", folder } });
  const preview = await deploy("preview");
  expect(preview.deployment.changes).toEqual({ same: 1 });
  const update = await deploy("update");
  expect(await outputs()).toEqual(expected);
  for (const secret of Object.values(SECRETS)) {
    expect(preview.events + update.events).not.toContain(secret);
  }

  const rotated = await slipway.cli(["keys", "rotate"]);
  expect([rotated.code, rotated.stdout]).toEqual([0, "1 stack has a new data key.\n"]);
  const listed = await slipway.cli(["keys", "list", "--stack", "vault/dev", "--json"]);
  expect((JSON.parse(listed.stdout) as { version: number }[]).map(({ version }) => version)).toEqual([2, 1]);
  // Sealed under the second version beside the first one's.
  await pulumi("config", "set", "--secret", "password", SECRETS.password);
  await deploy("update");
  expect(await outputs()).toEqual(expected);
  expect(readFileSync(path.join(folder, "Pulumi.dev.yaml"), "utf8")).not.toContain("canary");

  const keys = await slipway.cli(["keys", "list"]);
  expect(keys.stdout).toMatch(/file:[0-9a-f]{16} +current +3 /);
  const rewrap = await slipway.cli(["keys", "rewrap"]);
  expect([rewrap.code, rewrap.stdout]).toEqual([
    0,
    expect.stringMatching(/^0 keys moved; file:[0-9a-f]{16} wraps all\.\n$/),
  ]);
  const wrong = await slipway.cli(["keys", "rewrap", "--to", "vault:transit/slipway"]);
  expect(wrong.code).not.toBe(0);
  expect(wrong.stderr).toContain("SLIPWAY_KEY=vault:transit/slipway");
});
