import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { CliResult, CliServer } from "./cli-server.ts";
import { slipway, startCliServer } from "./cli-server.ts";

let server: CliServer;
beforeAll(async () => {
  server = await startCliServer();
  // No worker runs: what is deployed waits.
  const folder = path.join(server.projects, "shop");
  mkdirSync(folder);
  writeFileSync(path.join(folder, "Pulumi.yaml"), "name: shop\nruntime: yaml\nresources: {}\n");
  await run(["projects", "create", "shop", "--folder", folder]);
  await run(["stacks", "create", "shop/live"]);
});
afterAll(() => server.stop());

function run(argv: readonly string[]): Promise<CliResult> {
  const env = { SLIPWAY_URL: server.url, SLIPWAY_DATA_DIR: server.dataDir, XDG_CONFIG_HOME: server.home };
  return slipway(argv, { env });
}
const ok = async (argv: readonly string[]): Promise<string> => {
  const { exitCode, stdout, stderr } = await run(argv);
  expect(exitCode, `${argv.join(" ")}: ${stderr}`).toBe(0);
  return stdout;
};

test("what waits is listed with what it waits for, before, during and after a pause", async () => {
  expect(await ok(["queue"])).toBe("Nothing runs and nothing waits.\n");
  await ok(["deploy", "-s", "shop/live", "--no-wait"]);
  expect(await ok(["queue"])).toMatch(/^STACK.*\nshop\/live +update #1 .* No worker is running\.\n$/);
  expect(await ok(["pause", "-s", "shop/live", "--reason", "moving house"])).toBe(
    "Nothing new starts: shop/live is paused.\n",
  );
  const listed = await ok(["queue"]);
  expect(listed).toMatch(/^default\/shop\/live is paused by owner since \S+: moving house\n/);
  expect(listed).toMatch(/The stack is paused by owner since \S+: moving house\n$/);
  expect(JSON.parse(await ok(["queue", "--json"]))).toMatchObject({
    waiting: [{ waiting: { reason: "paused" } }],
    pauses: [{ scope: "stack" }],
  });
  expect(await ok(["resume", "-s", "shop/live"])).toBe("shop/live is not paused any more.\n");
  expect(await ok(["queue"])).not.toContain("paused");
});

test("the world and a project are paused and resumed by name", async () => {
  await ok(["pause", "--all", "--reason", "r"]);
  await ok(["pause", "--project", "shop", "--reason", "r"]);
  const { pauses } = JSON.parse(await ok(["queue", "--json"])) as { pauses: { scope: string }[] };
  expect(pauses.map(({ scope }) => scope)).toEqual(["everything", "project"]);
  await ok(["resume", "--all"]);
  await ok(["resume", "--project", "default/shop"]);
  expect(JSON.parse(await ok(["queue", "--json"]))).toMatchObject({ pauses: [] });
});

test("a pause asks for a reason, and for one target", async () => {
  expect((await run(["pause", "--all"])).exitCode).toBe(2);
  expect((await run(["pause", "--all", "--project", "shop", "--reason", "r"])).exitCode).toBe(2);
});

test("limits are shown, set and removed", async () => {
  expect(await ok(["limits", "get"])).toBe("As many run as the workers can take.\n");
  expect(await ok(["limits", "set", "4"])).toBe("At most 4 of the installation run at once.\n");
  expect(await ok(["limits", "set", "2", "--project", "shop"])).toBe(
    "At most 2 of default/shop run at once.\n",
  );
  expect(await ok(["limits", "get"])).toMatch(/the installation +4 .*\ndefault\/shop +2 /);
  await ok(["limits", "set", "none", "--project", "shop"]);
  await ok(["limits", "set", "none"]);
  expect(JSON.parse(await ok(["limits", "get", "--json"]))).toEqual([]);
  expect((await run(["limits", "set", "0"])).exitCode).toBe(2);
});

test("workers are listed, and that there is none", async () => {
  expect(await ok(["workers"])).toBe("No worker is running: deployments wait.\n");
});
