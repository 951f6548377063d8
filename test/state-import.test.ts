import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { tokenOf } from "./helpers/access.ts";
import type { TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import type { TestCli } from "./helpers/pulumi-cli.ts";
import { startTestCli } from "./helpers/pulumi-cli.ts";
import { digestOfTables } from "./helpers/service-api.ts";
import type { DiyProject } from "./state-import-support.ts";
import {
  diyProject,
  importFrom,
  makeDiyStack,
  onlyStack,
  PASSPHRASE,
  passphraseFile,
  slipwayCli,
} from "./state-import-support.ts";

/*
 * Stacks that the stock CLI made in a file:// backend, brought to Slipway with all they were, gone on with there, and taken back.
 */

const SECRETS = { PULUMI_CONFIG_PASSPHRASE: PASSPHRASE };
let api: TestApi;
let cli: TestCli;
let shop: DiyProject;
let billing: DiyProject;

beforeAll(async () => {
  api = await startTestApi();
  cli = await startTestCli(api);
  shop = diyProject(cli, "shop", { backend: "org" });
  // The second project's files are packed: one backend may hold both kinds.
  billing = diyProject(cli, "billing", { backend: "org", env: { PULUMI_DIY_BACKEND_GZIP: "true" } });
  await makeDiyStack(cli, shop, "dev");
  await makeDiyStack(cli, billing, "prod");
  await cli.succeed(["stack", "init", "empty"], { cwd: shop.folder, env: shop.env });
});
afterAll(async () => {
  await cli.close();
  await api.close();
});

function source(): string {
  return `file://${shop.backend}`;
}

test("a dry run says what would be imported and stores nothing", async () => {
  const before = await digestOfTables(api.db);
  const { report, code } = await importFrom(api, cli, source(), ["--dry-run"]);
  expect(code).toBe(0);
  expect(report.stacks.map(({ project, stack, outcome }) => [project, stack, outcome])).toEqual([
    ["billing", "prod", "would be imported"],
    ["shop", "dev", "would be imported"],
    ["shop", "empty", "would be imported"],
  ]);
  expect(await digestOfTables(api.db)).toEqual(before);
});

test("a wrong passphrase is refused and nothing is stored", async () => {
  const before = await digestOfTables(api.db);
  const wrong = passphraseFile(cli, "wrong");
  const { report, code } = await importFrom(api, cli, source(), [
    "--project",
    "billing",
    "--passphrase-file",
    wrong,
  ]);
  expect(code).toBe(8);
  expect(onlyStack(report)).toMatchObject({
    outcome: "refused",
    reason: "The passphrase does not open its secrets.",
  });
  expect(await digestOfTables(api.db)).toEqual(before);
});

test("who may not create stacks imports none, and who is no member is not told that there is an organisation", async () => {
  const viewer = await tokenOf(api, "victor", { default: "viewer" });
  const stranger = await tokenOf(api, "sally", { elsewhere: "admin" });
  const before = await digestOfTables(api.db);
  const asViewer = await importFrom(api, cli, source(), ["--project", "billing"], { token: viewer });
  expect(onlyStack(asViewer.report)).toMatchObject({
    outcome: "refused",
    reason: expect.stringContaining("may not"),
  });
  const asStranger = await importFrom(api, cli, source(), ["--project", "billing"], { token: stranger });
  expect(onlyStack(asStranger.report)).toMatchObject({
    outcome: "refused",
    reason: "There is no organisation default.",
  });
  expect(await digestOfTables(api.db)).toEqual(before);
});

test("a whole backend is imported in one command, with who did what, every state byte for byte, and an audit entry each", async () => {
  const { report, code } = await importFrom(api, cli, source(), [
    "--passphrase-file",
    passphraseFile(cli, PASSPHRASE),
  ]);
  expect(code).toBe(0);
  expect(report.stacks).toMatchObject([
    {
      project: "billing",
      stack: "prod",
      outcome: "imported",
      updates: 3,
      states: 3,
      resources: 8,
      secretsProvider: "passphrase",
    },
    {
      project: "shop",
      stack: "dev",
      outcome: "imported",
      updates: 3,
      states: 3,
      resources: 8,
      secretsProvider: "passphrase",
    },
    {
      project: "shop",
      stack: "empty",
      outcome: "imported",
      updates: 0,
      states: 0,
      resources: 0,
      secretsProvider: "passphrase",
    },
  ]);

  const states = await api.ask("GET", "/v1/stacks/default/shop/dev/states");
  // The state that the last update left is also the stack's own: it is kept once.
  expect(states.body.items.map((one) => [one.number, one.resourceCount])).toEqual([
    [3, 8],
    [2, 8],
    [1, 6],
  ]);
  expect(await exported("shop/dev", 4)).toBe(await exported("shop/dev", 3));
  for (const [index, file] of historyFiles("shop/dev", "checkpoint").entries()) {
    expect(await exported("shop/dev", index + 1)).toBe(deploymentIn(readFileSync(file, "utf8")));
  }
  expect(await exported("shop/dev")).toBe(
    deploymentIn(readFileSync(path.join(shop.backend, ".pulumi/stacks/shop/dev.json"), "utf8")),
  );

  const history = await api.ask("GET", "/v1/stacks/default/shop/dev/updates");
  expect(history.body.items).toMatchObject([
    {
      number: 4,
      kind: "import",
      status: "succeeded",
      principal: "owner",
      message: `Imported from ${source()}`,
      state: 3,
    },
    {
      number: 3,
      kind: "update",
      status: "succeeded",
      principal: "imported",
      message: "Third",
      state: 3,
      changes: { same: 7 },
    },
    {
      number: 2,
      kind: "update",
      status: "failed",
      message: "Second",
      state: 2,
      changes: { create: 2, same: 5 },
    },
    {
      number: 1,
      kind: "update",
      status: "succeeded",
      message: "First",
      state: 1,
      resourceCount: 6,
      claimed: { "exec.kind": "cli" },
    },
  ]);
  const audit = await api.ask(
    "GET",
    "/v1/audit?action=state.imported&project=shop&stack=dev&organisation=default",
  );
  expect(audit.body.items).toMatchObject([
    {
      principal: "owner",
      subject: "default/shop/dev",
      details: { source: source(), updates: 3, states: 3, resources: 8, secretsProvider: "passphrase" },
    },
  ]);
  expect((await api.ask("GET", "/v1/stacks/default/shop/dev")).body.tags).toMatchObject({ team: "payments" });
});

test("a second run changes nothing", async () => {
  const before = await digestOfTables(api.db);
  const { report, code } = await importFrom(api, cli, source());
  expect(code).toBe(0);
  expect(report.stacks.map((one) => one.outcome)).toEqual([
    "already there",
    "already there",
    "already there",
  ]);
  expect(await digestOfTables(api.db)).toEqual(before);
});

test("pulumi goes on with an imported stack as if it had always been here", async () => {
  const at = { cwd: shop.folder, env: SECRETS };
  const config = (await cli.succeed(["config", "--json", "--show-secrets", "--stack", "dev"], at)).stdout;
  expect(JSON.parse(config)).toMatchObject({ "shop:password": { value: "hunter2" } });
  await cli.succeed(["preview", "--expect-no-changes", "--stack", "dev"], at);
  await cli.succeed(["up", "--yes", "--skip-preview", "--expect-no-changes", "--stack", "dev"], at);
  const output = ["stack", "output", "connection", "--show-secrets", "--stack", "dev"];
  expect((await cli.succeed(output, at)).stdout.trim()).toBe("postgres://hunter2@db");
  await cli.succeed(["config", "set", "count", "7", "--stack", "dev"], at);
  await cli.succeed(["up", "--yes", "--skip-preview", "--stack", "dev", "--message", "Here"], at);
  const { stdout } = await cli.succeed(["stack", "history", "--json", "--stack", "dev"], at);
  const history = JSON.parse(stdout) as { version: number; message: string }[];
  expect(history.map(({ version, message }) => [version, message]).slice(0, 4)).toEqual([
    [6, "Here"],
    [5, ""],
    [4, `Imported from ${source()}`],
    [3, "Third"],
  ]);
  // Import it again now: it is known, and what happened here since is kept.
  const { report } = await importFrom(api, cli, source(), ["--project", "shop", "--stack", "dev"]);
  expect(onlyStack(report).outcome).toBe("already there");
  await cli.succeed(["preview", "--expect-no-changes", "--stack", "dev"], at);
});

test("the stacks are written out as a backend that the stock CLI logs in to, with their history, and go on there", async () => {
  const folder = cli.folder("back");
  mkdirSync(folder);
  const { code, stdout, stderr } = await slipwayCli(api, cli, [
    "state",
    "export",
    "--all",
    "--to",
    `file://${folder}`,
  ]);
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toContain(`pulumi login file://${folder}`);
  const at = { cwd: shop.folder, env: { ...SECRETS, PULUMI_BACKEND_URL: `file://${folder}` } };
  const { stdout: listed } = await cli.succeed(["stack", "ls", "--all", "--json"], at);
  const stacks = JSON.parse(listed) as { name: string; resourceCount: number }[];
  expect(stacks.map(({ name, resourceCount }) => [name, resourceCount])).toEqual([
    ["dev", 10],
    ["empty", 0],
    ["organization/billing/prod", 8],
  ]);
  await cli.succeed(["preview", "--expect-no-changes", "--stack", "dev"], at);
  const { stdout: history } = await cli.succeed(["stack", "history", "--json", "--stack", "dev"], at);
  expect(
    (JSON.parse(history) as { message: string; result: string }[]).map((one) => [one.message, one.result]),
  ).toEqual([
    ["Here", "succeeded"],
    ["", "succeeded"],
    [`Imported from ${source()}`, "succeeded"],
    ["Third", "succeeded"],
    ["Second", "failed"],
    ["First", "succeeded"],
  ]);
  await cli.succeed(["config", "set", "count", "2", "--stack", "dev"], at);
  await cli.succeed(["up", "--yes", "--skip-preview", "--stack", "dev"], at);

  const again = await slipwayCli(api, cli, ["state", "export", "shop/dev", "--to", `file://${folder}`]);
  expect(again.code).toBe(8);
  expect(again.stdout).toContain(".pulumi/stacks/shop/dev.json is there already");
});

test("with --secrets-provider service the secrets of an imported stack are sealed with Slipway's keys, and the program sees no difference", async () => {
  const ways = [
    "--project",
    "billing",
    "--secrets-provider",
    "service",
    "--passphrase-file",
    passphraseFile(cli, PASSPHRASE),
  ];
  const { report, code } = await importFrom(api, cli, source(), ways);
  expect(code).toBe(0);
  expect(onlyStack(report)).toMatchObject({
    outcome: "already there",
    secretsProvider: "service",
    notes: [
      expect.stringContaining("pulumi stack change-secrets-provider default --stack default/billing/prod"),
    ],
  });
  const state = JSON.parse(await exported("billing/prod")) as {
    deployment: { secrets_providers: { type: string } };
  };
  expect(state.deployment.secrets_providers.type).toBe("service");
  expect(JSON.stringify(state)).not.toContain("hunter2");
  const output = ["stack", "output", "connection", "--show-secrets", "--stack", "default/billing/prod"];
  expect((await cli.succeed(output, { cwd: cli.home })).stdout.trim()).toBe("postgres://hunter2@db");
  // The note's command, and from then on no passphrase.
  const change = ["stack", "change-secrets-provider", "default", "--stack", "default/billing/prod"];
  await cli.succeed(change, { cwd: billing.folder, env: SECRETS });
  await cli.succeed(["preview", "--expect-no-changes", "--stack", "prod"], { cwd: billing.folder });

  const repeated = await importFrom(api, cli, source(), ways);
  expect(onlyStack(repeated.report)).toMatchObject({
    outcome: "already there",
    secretsProvider: "service",
    notes: [],
  });
  const folder = cli.folder("sealed");
  mkdirSync(folder);
  const out = await slipwayCli(api, cli, ["state", "export", "billing/prod", "--to", `file://${folder}`]);
  expect(out.code).toBe(8);
  expect(out.stdout).toContain(
    "pulumi stack change-secrets-provider passphrase --stack default/billing/prod",
  );
  expect(readdirSync(path.join(folder, ".pulumi"))).toEqual(["meta.yaml"]);

  const other = "another passphrase";
  const sealed = ["--to", `file://${folder}`, "--passphrase-file", passphraseFile(cli, other)];
  expect(await slipwayCli(api, cli, ["state", "export", "billing/prod", ...sealed])).toMatchObject({
    code: 0,
    stderr: "",
  });
  const there = { PULUMI_BACKEND_URL: `file://${folder}`, PULUMI_CONFIG_PASSPHRASE: other };
  const name = ["--stack", "organization/billing/prod"];
  const output2 = ["stack", "output", "connection", "--show-secrets", ...name];
  expect((await cli.succeed(output2, { cwd: cli.home, env: there })).stdout.trim()).toBe(
    "postgres://hunter2@db",
  );
  expect(
    JSON.parse(
      (await cli.succeed(["stack", "history", "--json", ...name], { cwd: billing.folder, env: there }))
        .stdout,
    ),
  ).toHaveLength(6);
  expect(readFileSync(path.join(folder, ".pulumi/stacks/billing/prod.json"), "utf8")).not.toContain(
    "hunter2",
  );
  rmSync(folder, { recursive: true });
});

/** The state as `slipway state export` prints it, or after the update with that number, as the service API gives it. */
async function exported(stack: string, version?: number): Promise<string> {
  if (version === undefined) {
    const { stdout } = await slipwayCli(api, cli, ["state", "export", stack]);
    return stdout.replace(/\n$/, "");
  }
  const response = await fetch(`${cli.url}/api/stacks/default/${stack}/export/${version}`, {
    headers: { authorization: `token ${api.token}` },
  });
  return response.text();
}

/** Files of the source's history, oldest first. */
function historyFiles(stack: string, kind: "history" | "checkpoint"): string[] {
  const folder = path.join(shop.backend, ".pulumi/history", stack);
  return readdirSync(folder)
    .filter((name) => name.endsWith(`.${kind}.json`))
    .sort()
    .map((name) => path.join(folder, name));
}

/** The deployment of a checkpoint file, cut out by hand, as `pulumi stack export` wraps it. */
function deploymentIn(checkpoint: string): string {
  const { version, features } = JSON.parse(checkpoint) as { version: number; features?: string[] };
  const latest = /"latest":(\{.*\})\}\}$/s.exec(checkpoint)?.[1] ?? "";
  const head = features === undefined ? "" : `"features":${JSON.stringify(features)},`;
  return `{"version":${version},${head}"deployment":${latest}}`;
}
