import { afterAll, beforeAll, expect, test } from "vitest";
import { claimStack, insertDeployment, tokenOf } from "../../../../test/helpers/access.ts";
import type { TestApi } from "../../../../test/helpers/api.ts";
import { startTestApi } from "../../../../test/helpers/api.ts";
import { makeAttemptToken } from "../../access/attempt-tokens.ts";
import { withTransaction } from "../../database.ts";

const STACK = "/api/stacks/default/shop/dev";
const UPDATE = `${STACK}/update/00000000-0000-4000-8000-000000000000`;

let api: TestApi;
const tokens: Record<string, string> = {};

beforeAll(async () => {
  api = await startTestApi();
  for (const stack of ["dev", "other"]) {
    await ask("POST", "/api/stacks/default/shop", api.token, { stackName: stack });
  }
  tokens.viewer = await tokenOf(api, "vera", { default: "viewer" });
  tokens.deployer = await tokenOf(api, "dora", { default: "deployer" });
  tokens.admin = await tokenOf(api, "ada", { default: "admin" });
  tokens.stranger = await tokenOf(api, "sam", { elsewhere: "admin" });
  tokens.attempt = await attemptToken("dev");
});
afterAll(async () => {
  await api.close();
});

async function attemptToken(stack: string): Promise<string> {
  const row = await api.db
    .selectFrom("stacks")
    .select("id")
    .where("name", "=", stack)
    .executeTakeFirstOrThrow();
  const claim = await claimStack(api.db, row.id);
  return withTransaction(api.db, (trx) =>
    makeAttemptToken(trx, { attemptId: claim.attemptId, mayChange: true }),
  );
}

async function ask(
  method: string,
  url: string,
  token: string | undefined,
  body?: object,
): Promise<{ status: number; json: { code?: number; message?: string } }> {
  const response = await api.app.inject({
    method: method as "GET",
    url,
    headers: {
      host: "127.0.0.1",
      ...(token === undefined ? {} : { authorization: `token ${token}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
  });
  const isJson = response.payload.startsWith("{");
  return { status: response.statusCode, json: isJson ? (JSON.parse(response.payload) as object) : {} };
}

/** Who may: those that are not named get 403 when they may see the stack, 404 when they may not. The body is one that changes nothing. */
const ROUTES: [method: string, url: string, body: object | undefined, allowed: string[]][] = [
  ["GET", STACK, undefined, ["viewer", "deployer", "admin", "attempt"]],
  ["GET", `${STACK}/export`, undefined, ["viewer", "deployer", "admin", "attempt"]],
  ["GET", `${STACK}/export/1`, undefined, ["viewer", "deployer", "admin", "attempt"]],
  ["GET", `${STACK}/updates`, undefined, ["viewer", "deployer", "admin", "attempt"]],
  ["GET", `${STACK}/updates/latest`, undefined, ["viewer", "deployer", "admin", "attempt"]],
  ["GET", `${STACK}/policypacks`, undefined, ["viewer", "deployer", "admin", "attempt"]],
  ["GET", UPDATE, undefined, ["viewer", "deployer", "admin", "attempt"]],
  ["GET", `${UPDATE}/events`, undefined, ["viewer", "deployer", "admin", "attempt"]],
  ["POST", `${STACK}/encrypt`, { plaintext: "" }, ["viewer", "deployer", "admin", "attempt"]],
  ["POST", `${STACK}/batch-encrypt`, { plaintexts: [] }, ["viewer", "deployer", "admin", "attempt"]],
  ["POST", `${STACK}/decrypt`, { ciphertext: "" }, ["deployer", "admin", "attempt"]],
  ["POST", `${STACK}/batch-decrypt`, { ciphertexts: [] }, ["deployer", "admin", "attempt"]],
  ["POST", `${STACK}/preview`, [], ["deployer", "admin", "attempt"]],
  ["POST", `${STACK}/update`, [], ["deployer", "admin", "attempt"]],
  ["POST", `${STACK}/refresh`, [], ["deployer", "admin", "attempt"]],
  ["POST", `${STACK}/destroy`, [], ["deployer", "admin", "attempt"]],
  ["POST", UPDATE, {}, ["deployer", "admin", "attempt"]],
  ["POST", `${UPDATE}/cancel`, {}, ["deployer", "admin"]],
  ["POST", `${STACK}/import`, [], ["deployer", "admin", "attempt"]],
  ["POST", `${STACK}/rename`, {}, ["deployer", "admin"]],
  ["PATCH", `${STACK}/tags`, [], ["deployer", "admin"]],
  ["PUT", `${STACK}/config`, {}, ["deployer", "admin"]],
  ["DELETE", `${STACK}?force=maybe`, undefined, ["admin"]],
  ["POST", "/api/stacks/default/shop", { stackName: "dev" }, ["deployer", "admin"]],
];

test.each(ROUTES)("%s %s is for those whose role has it", async (method, url, body, allowed) => {
  for (const [who, token] of Object.entries(tokens)) {
    const { status, json } = await ask(method, url, token, body);
    const said = `${who}: ${status} ${json.message ?? ""}`;
    if (allowed.includes(who)) {
      expect(status, said).not.toBe(403);
      // What is not there is another 404 than what must not be seen.
      if (status === 404) expect(json.message, said).not.toMatch(/no such stack|no organisation/);
    } else if (who === "stranger") {
      expect([status, json.message], said).toEqual([
        404,
        expect.stringMatching(/no such stack|no organisation/),
      ]);
    } else {
      expect(status, said).toBe(403);
    }
  }
  expect((await ask(method, url, undefined, body)).status).toBe(401);
});

test("an attempt's engine finds no stack but its own", async () => {
  const other = STACK.replace("dev", "other");
  for (const [method, path, body] of [
    ["GET", "", undefined],
    ["GET", "/export", undefined],
    ["POST", "/update", {}],
    ["POST", "/import", {}],
    ["DELETE", "", undefined],
  ] as const) {
    expect((await ask(method, `${other}${path}`, tokens.attempt, body)).status, `${method} ${path}`).toBe(
      404,
    );
  }
  const { json } = await ask("GET", "/api/user/stacks", tokens.attempt);
  expect(json).toMatchObject({ stacks: [{ stackName: "dev" }] });
});

test("everybody sees their own stacks and organisations alone", async () => {
  expect((await ask("GET", "/api/user/stacks", tokens.stranger)).json).toEqual({ stacks: [] });
  expect((await ask("GET", "/api/user/stacks", tokens.viewer)).json).toMatchObject({ stacks: [{}, {}] });
  expect((await ask("GET", "/api/user", tokens.stranger)).json).toMatchObject({
    githubLogin: "sam",
    organizations: [{ githubLogin: "elsewhere" }],
  });
  expect((await ask("GET", "/api/user/organizations/default", tokens.stranger)).json).toMatchObject({
    GitHubLogin: "elsewhere",
  });
  expect((await ask("HEAD", "/api/stacks/default/shop", tokens.viewer)).status).toBe(200);
  expect((await ask("HEAD", "/api/stacks/default/shop", tokens.stranger)).status).toBe(404);
  expect((await ask("HEAD", "/api/stacks/default/nothing", tokens.viewer)).status).toBe(404);
});

test("a route that does not state what it needs keeps the server from starting", async () => {
  const { guardApi } = await import("./auth.ts");
  const { default: Fastify } = await import("fastify");
  const app = Fastify();
  guardApi(app, api.db);
  expect(() => app.get("/open", () => "")).toThrow("the route GET /open does not state what it needs");
  await app.close();
});

test("a deployment that is queued does not keep a stack's state from being read", async () => {
  const row = await api.db
    .selectFrom("stacks")
    .select("id")
    .where("name", "=", "other")
    .executeTakeFirstOrThrow();
  await insertDeployment(api.db, row.id);
  expect((await ask("GET", `${STACK.replace("dev", "other")}/export`, api.token)).status).toBe(200);
});
