import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CliResult, type CliServer, slipway, startCliServer } from "./cli-server.ts";

let server: CliServer;
beforeAll(async () => {
  server = await startCliServer();
  const folder = path.join(server.projects, "desk");
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, "Pulumi.yaml"), "name: desk\nruntime: nodejs\n");
  for (const argv of [
    ["projects", "create", "--folder", folder],
    ["stacks", "create", "desk/test"],
    ["stacks", "create", "desk/production"],
  ]) {
    const made = await owner(argv);
    if (made.exitCode !== 0) throw new Error(made.stderr);
  }
});
afterAll(() => server.stop());

function owner(argv: readonly string[], env: Record<string, string> = {}): Promise<CliResult> {
  return slipway(argv, {
    env: {
      SLIPWAY_URL: server.url,
      SLIPWAY_DATA_DIR: server.dataDir,
      XDG_CONFIG_HOME: server.home,
      ...env,
    },
  });
}
const as = (token: string, argv: readonly string[]) => owner(argv, { SLIPWAY_TOKEN: token });

/** Makes somebody a member and answers a token of theirs, by the commands that people use. */
async function join(member: string, role: string): Promise<string> {
  const set = await owner(["members", "set", member, "--role", role]);
  expect([set.exitCode, set.stdout]).toEqual([0, `${member} is ${role} of default.\n`]);
  const made = await owner(["tokens", "create", `first of ${member}`, "--for", member, "--days", "2"]);
  expect(made.exitCode, made.stderr).toBe(0);
  expect(made.stdout).toMatch(/^slp_(user|service)_\w{49}\n$/);
  expect(made.stderr).toContain("not shown again");
  return made.stdout.trim();
}

describe("members and their tokens on the command line", () => {
  test("a viewer sees everything of the organisation and changes nothing", async () => {
    const token = await join("vera", "viewer");
    const seen = await as(token, ["stacks", "list", "--json"]);
    expect((JSON.parse(seen.stdout) as { name: string }[]).map(({ name }) => name)).toEqual([
      "production",
      "test",
    ]);
    for (const argv of [
      ["config", "set", "desk:colour", "red", "--stack", "desk/test"],
      ["stacks", "remove", "desk/test", "--yes"],
      ["members", "set", "vera", "--role", "admin"],
      ["projects", "remove", "desk"],
      ["readers", "allow", "desk/production", "--stack", "desk/test"],
    ]) {
      const refused = await as(token, argv);
      expect(refused.exitCode, argv.join(" ")).not.toBe(0);
      expect(refused.stderr, argv.join(" ")).toContain("may not do this");
    }
  });

  test("a deployer configures and an admin manages; a role that is taken away ends the rights of a token at once", async () => {
    const deployer = await join("dan", "deployer");
    const admin = await join("ada", "admin");
    const set = (token: string) => as(token, ["config", "set", "desk:a", "1", "--stack", "desk/test"]);
    expect((await set(deployer)).exitCode).toBe(0);
    expect((await as(deployer, ["members", "set", "x", "--role", "viewer"])).exitCode).not.toBe(0);
    expect((await as(admin, ["members", "remove", "dan"])).exitCode).toBe(0);
    const gone = await set(deployer);
    expect(gone.stderr).toContain("There is no stack default/desk/test");
    const listed = await as(admin, ["members", "list"]);
    expect(listed.stdout).toContain("ada");
    expect(listed.stdout).not.toContain("dan");
  });

  test("a service account gets its token from an admin; listed without its value, revoked by its id", async () => {
    const token = await join("service:ci", "deployer");
    const listed = await owner(["tokens", "list", "--json"]);
    expect(listed.stdout).not.toContain(token);
    const mine = (JSON.parse(listed.stdout) as { id: string; principal: string }[]).find(
      ({ principal }) => principal === "service:default/ci",
    );
    expect((await as(token, ["stacks", "list"])).exitCode).toBe(0);
    expect((await owner(["tokens", "revoke", mine?.id ?? ""])).exitCode).toBe(0);
    expect((await as(token, ["stacks", "list"])).exitCode).toBe(4);
    expect((await owner(["tokens", "list"])).stdout).not.toContain("service:default/ci");
    expect((await owner(["tokens", "list", "--all"])).stdout).toContain("revoked");
  });

  test("a person who leaves is removed everywhere with all tokens", async () => {
    const token = await join("lee", "deployer");
    expect((await as(token, ["tokens", "create", "second"])).stdout).toMatch(/^slp_user_/);
    expect((await owner(["members", "remove", "lee", "--everywhere"])).exitCode).toBe(0);
    expect((await as(token, ["stacks", "list"])).exitCode).toBe(4);
  });

  test("all of it is in the audit log, without a single token", async () => {
    const { stdout } = await owner(["audit", "--limit", "500"]);
    for (const action of ["member.set", "member.removed", "user.removed", "token.created", "token.revoked"])
      expect(stdout).toContain(action);
    expect(stdout).not.toMatch(/slp_/);
  });
});

test("the owner creates organisations; a member sees their own with their role", async () => {
  expect((await owner(["organisations", "create", "team"])).stdout).toBe("Organisation team is created.\n");
  const elsewhere = ["--organisation", "team"];
  expect((await owner(["members", "set", "tim", "--role", "admin", ...elsewhere])).exitCode).toBe(0);
  const token = (await owner(["tokens", "create", "x", "--for", "tim"])).stdout.trim();
  const listed = JSON.parse((await as(token, ["organisations", "list", "--json"])).stdout) as unknown[];
  expect(listed).toMatchObject([{ name: "team", role: "admin" }]);
  expect((await as(token, ["organisations", "create", "mine"])).exitCode).not.toBe(0);
  expect((await as(token, ["stacks", "show", "desk/test"])).stderr).toContain(
    "There is no stack default/desk/test",
  );
});

test("readers of outputs are allowed, listed and removed", async () => {
  const stack = ["--stack", "desk/test"];
  const allowed = await owner(["readers", "allow", "desk/production", ...stack]);
  expect([allowed.exitCode, allowed.stdout]).toEqual([
    0,
    "desk/production may read the outputs of desk/test.\n",
  ]);
  const listed = await owner(["readers", "list", ...stack]);
  expect(listed.stdout).toContain("desk/production");
  expect(listed.stdout).toContain("Nobody's program has read them.");
  expect((await owner(["readers", "remove", "desk/production", ...stack])).exitCode).toBe(0);
  expect((await owner(["readers", "list", ...stack])).stdout).toContain("No other stack's deployments");
  const wrong = await owner(["readers", "allow", "test", ...stack]);
  expect(wrong.stderr).toContain("Write it as project/stack.");
});
