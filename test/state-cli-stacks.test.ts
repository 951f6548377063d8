import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import type { TestCli } from "./helpers/pulumi-cli.ts";
import { linkPackages, startTestCli } from "./helpers/pulumi-cli.ts";
import { askServiceApi } from "./helpers/service-api.ts";
import { writeProject } from "./helpers/trivial-project.ts";

let api: TestApi;
let cli: TestCli;
let shop: string;
/** Of `stack ls`. */
interface ListedStack {
  name: string;
  current: boolean;
}

beforeAll(async () => {
  api = await startTestApi();
  cli = await startTestCli(api);
  shop = linkPackages(writeProject(cli.folder("shop"), "shop"));
});
afterAll(async () => {
  await cli.close();
  await api.close();
});

async function auditOf(
  subject: string,
): Promise<{ action: string; principal: string; details: Record<string, unknown> }[]> {
  return api.db
    .selectFrom("audit_entries")
    .select(["action", "principal", "details"])
    .where("subject", "=", subject)
    .orderBy("sequence")
    .execute();
}

test("pulumi login keeps the token, and whoami names the owner and the organisations", async () => {
  const shown = JSON.parse((await cli.succeed(["whoami", "--json"])).stdout) as object;
  expect(shown).toMatchObject({ user: "owner", organizations: ["default"], url: "" });
  expect((await cli.succeed(["org", "get-default"])).stdout.trim()).toBe("default");
  const wrong = await startTestCli(api, { login: false });
  try {
    const refused = await wrong.run(["login", wrong.url], { env: { PULUMI_ACCESS_TOKEN: "slp_owner_x" } });
    expect(refused.code).not.toBe(0);
    expect(refused.text).toMatch(/access token|login/i);
  } finally {
    await wrong.close();
  }
});

test("pulumi stack init makes the project too, and says when the stack is there already", async () => {
  cli.requests();
  await cli.succeed(["stack", "init", "dev"], { cwd: shop });
  expect(cli.requests()).toEqual([
    "GET /api/stacks/default/shop/dev 404",
    "POST /api/stacks/default/shop 200",
  ]);
  const again = await cli.run(["stack", "init", "dev"], { cwd: shop });
  expect(again.code).not.toBe(0);
  expect(again.text).toContain("already exists");
  // The CLI looks before it asks; two that ask at once are told apart by the server.
  const body = JSON.stringify({ stackName: "dev" });
  const both = await askServiceApi(cli.url, "POST", "/api/stacks/default/shop", {
    authorization: `token ${api.token}`,
    body,
  });
  expect(both.json).toMatchObject({
    code: 409,
    message: expect.stringContaining("already exists") as string,
  });
  expect(await auditOf("default/shop")).toMatchObject([
    { action: "project.created", details: { folder: null } },
  ]);
  expect(await auditOf("default/shop/dev")).toMatchObject([
    {
      action: "stack.created",
      principal: "owner",
      details: {
        tags: { "pulumi:project": "shop", "pulumi:runtime": "nodejs" },
        claimed: { client: expect.stringContaining("cmd=stack-new") as string },
      },
    },
  ]);
});

test("pulumi stack ls shows the project's stacks, and with --all those of every project; lists longer than a page are whole", async () => {
  const other = linkPackages(writeProject(cli.folder("desk"), "desk"));
  await cli.succeed(["stack", "init", "dev"], { cwd: other });
  cli.requests();
  const names = async (args: string[]) =>
    (
      JSON.parse(
        (await cli.succeed(["stack", "ls", "--json", ...args], { cwd: shop })).stdout,
      ) as ListedStack[]
    ).map(({ name }) => name);
  expect(await names([])).toEqual(["dev"]);
  expect(cli.requests()).toContain("GET /api/user/stacks?project=shop 200");
  expect(await names(["--all"])).toEqual(["default/desk/dev", "dev"]);
  expect(await names(["--tag", "pulumi:project=desk", "--all"])).toEqual(["default/desk/dev"]);
  expect(await names(["--tag", "pulumi:project=none", "--all"])).toEqual([]);

  for (let number = 0; number < 205; number++) {
    const body = JSON.stringify({ stackName: `many-${String(number).padStart(3, "0")}` });
    await askServiceApi(cli.url, "POST", "/api/stacks/default/many", {
      authorization: `token ${api.token}`,
      body,
    });
  }
  cli.requests();
  expect((await names(["--project", "many"])).length).toBe(205);
  expect(cli.requests().filter((line) => line.includes("continuationToken"))).toHaveLength(1);
});

test("pulumi stack tag set, get and rm replace the whole map", async () => {
  cli.requests();
  await cli.succeed(["stack", "tag", "set", "team", "harbour"], { cwd: shop });
  expect(cli.requests()).toContain("PATCH /api/stacks/default/shop/dev/tags 204");
  expect((await cli.succeed(["stack", "tag", "get", "team"], { cwd: shop })).stdout.trim()).toBe("harbour");
  await cli.succeed(["stack", "tag", "rm", "team"], { cwd: shop });
  const left = JSON.parse(
    (await cli.succeed(["stack", "tag", "ls", "--json"], { cwd: shop })).stdout,
  ) as object;
  expect(left).toEqual({ "pulumi:project": "shop", "pulumi:runtime": "nodejs" });
});

test("pulumi config set, --secret and get work, and what is written locally is sealed", async () => {
  await cli.succeed(["config", "set", "colour", "red"], { cwd: shop });
  cli.requests();
  await cli.succeed(["config", "set", "--secret", "password", "hunter2"], { cwd: shop });
  expect(cli.requests()).toContain("POST /api/stacks/default/shop/dev/encrypt 200");
  const file = readFileSync(path.join(shop, "Pulumi.dev.yaml"), "utf8");
  expect(file).toMatch(/shop:colour: red/);
  expect(file).toMatch(/secure: [A-Za-z0-9+/=]{20,}/);
  expect(file).not.toContain("hunter2");
  expect((await cli.succeed(["config", "get", "password"], { cwd: shop })).stdout.trim()).toBe("hunter2");
  expect((await cli.succeed(["config", "--show-secrets"], { cwd: shop })).stdout).toContain("hunter2");
});

test("pulumi config refresh of a stack that nothing has run on says so, and leaves the local file alone", async () => {
  const before = readFileSync(path.join(shop, "Pulumi.dev.yaml"), "utf8");
  cli.requests();
  const refused = await cli.run(["config", "refresh"], { cwd: shop });
  expect(refused.code).not.toBe(0);
  expect(cli.requests()).toContain("GET /api/stacks/default/shop/dev/updates/latest 404");
  expect(readFileSync(path.join(shop, "Pulumi.dev.yaml"), "utf8")).toBe(before);
});

test("T17: a renamed stack keeps its secrets, answers under its new name alone, and its old name is free", async () => {
  await cli.succeed(["stack", "init", "early"], { cwd: shop });
  await cli.succeed(["config", "set", "--secret", "password", "s3cret"], { cwd: shop });
  cli.requests();
  await cli.succeed(["stack", "rename", "late"], { cwd: shop });
  expect(cli.requests()).toContain("POST /api/stacks/default/shop/early/rename 204");
  expect((await cli.succeed(["config", "get", "password"], { cwd: shop })).stdout.trim()).toBe("s3cret");
  expect((await cli.run(["stack", "select", "early"], { cwd: shop })).text).toMatch(/no stack named 'early'/);
  // The CLI asks for secrets under the name that a state or a command line of before holds.
  const encrypted = await askServiceApi(cli.url, "POST", "/api/stacks/default/shop/early/encrypt", {
    authorization: `token ${api.token}`,
    body: JSON.stringify({ plaintext: "eA==" }),
  });
  expect(encrypted.status).toBe(200);
  await cli.succeed(["stack", "init", "early"], { cwd: shop });
  const taken = await cli.run(["stack", "rename", "late"], { cwd: shop });
  expect(taken.code).not.toBe(0);
  expect(taken.text).toContain("already exists");
  expect((await auditOf("default/shop/late")).map(({ action }) => action)).toContain("stack.renamed");
});

test("a stack moves into another project by a rename, which makes the project", async () => {
  await cli.succeed(["stack", "init", "moving"], { cwd: shop });
  await cli.succeed(["stack", "rename", "default/moved/moving"], { cwd: shop });
  const { stdout } = await cli.succeed(["stack", "ls", "--all", "--json"], { cwd: shop });
  const names = (JSON.parse(stdout) as ListedStack[]).map(({ name }) => name);
  expect(names).toContain("default/moved/moving");
  expect(names).not.toContain("moving");
});

test("pulumi stack rm removes a stack without resources, and its name is free again", async () => {
  await cli.succeed(["stack", "init", "gone"], { cwd: shop });
  cli.requests();
  await cli.succeed(["stack", "rm", "--yes", "gone"], { cwd: shop });
  expect(cli.requests()).toContain("DELETE /api/stacks/default/shop/gone?force=false 204");
  expect((await auditOf("default/shop/gone")).map(({ action }) => action)).toEqual([
    "stack.created",
    "stack.removed",
  ]);
  await cli.succeed(["stack", "init", "gone"], { cwd: shop });
});

test("a project that pulumi made works with Slipway's own API, and takes a folder", async () => {
  const project = await api.ask("GET", "/v1/projects/default/shop");
  expect(project.body).toMatchObject({ name: "shop", folder: null });
  const stack = await api.ask("GET", "/v1/stacks/default/shop/dev");
  expect(stack.body).toMatchObject({ name: "dev", tags: { "pulumi:runtime": "nodejs" } });
  const refused = await api.ask("POST", "/v1/stacks/default/shop/dev/deployments", {
    body: { operation: "update" },
  });
  expect(refused.status).toBe(422);
  expect(String(refused.body.detail)).toMatch(/folder/);

  const folder = await api.makeProject("shop");
  const attached = await api.ask("POST", "/v1/projects", { body: { name: "shop", folder } });
  expect(attached).toMatchObject({ status: 201, body: { id: project.body.id, folder } });
  expect((await auditOf("default/shop")).map(({ action }) => action)).toEqual([
    "project.created",
    "project.folder_attached",
  ]);
  expect((await api.ask("POST", "/v1/projects", { body: { name: "shop", folder } })).body.code).toBe(
    "already_exists",
  );
});

test("pulumi new, org and policy look-ups find empty lists", async () => {
  cli.requests();
  const listed = await cli.succeed(["policy", "ls", "default"], { cwd: shop });
  expect(listed.stdout).toMatch(/NAME/);
  expect(cli.requests()).toContain("GET /api/orgs/default/policypacks 200");
});

test("what Slipway does not have is answered in the CLI's form, and commands that need it say so", async () => {
  const refused = await cli.run(["stack", "init", "teams", "--teams", "a"], { cwd: shop });
  expect(refused.code).not.toBe(0);
  expect(refused.text).toContain("Slipway has no teams.");
  const deployment = await cli.run(["deployment", "settings", "pull"], { cwd: shop });
  expect(deployment.code).not.toBe(0);
});

test("any version of the CLI's protocol is answered, and answers are packed with gzip alone", async () => {
  for (const accept of ["application/vnd.pulumi+1", "application/vnd.pulumi+99", "application/json"]) {
    const answer = await askServiceApi(cli.url, "GET", "/api/user", {
      authorization: `token ${api.token}`,
      headers: { accept },
    });
    expect(answer.status).toBe(200);
  }
  const packed = await askServiceApi(cli.url, "GET", "/api/user/stacks?project=many", {
    authorization: `token ${api.token}`,
    headers: { "accept-encoding": "zstd, br, gzip" },
  });
  expect(packed).toMatchObject({ status: 200, headers: { "content-encoding": "gzip" } });
});
