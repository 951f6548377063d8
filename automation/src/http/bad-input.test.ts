import { mkdir, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { AskOptions, TestApi } from "../../../test/helpers/api.ts";
import { startTestApi } from "../../../test/helpers/api.ts";

let api: TestApi;
let stack: string;
let before: unknown;
beforeAll(async () => {
  api = await startTestApi();
  stack = await api.makeStack("shop");
});
afterAll(() => api.close());

beforeEach(async () => {
  before = await everything();
});
afterEach(async () => {
  expect(await everything(), "a refused request wrote something").toEqual(before);
});

/** Number of rows of each table. */
async function everything(): Promise<unknown> {
  const { rows: tables } = await sql<{ name: string }>`
    select tablename as name from pg_tables where schemaname = 'public' order by 1`.execute(api.db);
  return Promise.all(
    tables.map(async ({ name }) => {
      const { rows } = await sql<{ count: number }>`select count(*) as count from ${sql.table(name)}`.execute(
        api.db,
      );
      return [name, rows[0]?.count];
    }),
  );
}

async function expectProblem(
  method: "GET" | "POST" | "PUT" | "DELETE",
  url: string,
  options: AskOptions,
  [status, code, detail]: readonly [number, string, string?],
): Promise<void> {
  const answer = await api.ask(method, url, options);
  expect([answer.status, answer.body.code], answer.text).toEqual([status, code]);
  expect(answer.headers["content-type"]).toContain("application/problem+json");
  if (detail !== undefined) expect(answer.text).toContain(detail);
}

const BAD_NAMES: readonly [string, string][] = [
  ["dots", "a..b"],
  ["two dots", ".."],
  ["a slash", "a/b"],
  ["a backslash", "a\\b"],
  ["a leading dash", "-h"],
  ["NUL", "a\0b"],
  ["101 characters", "a".repeat(101)],
  ["300 characters", "a".repeat(300)],
  ["a format directive", "%d"],
  ["a space", "a b"],
  ["a shell command", "$(id)"],
  ["a quote", "a';--"],
  ["a line break", "a\nb"],
  ["another organisation", "org/other"],
  ["letters that look like others", "ѕhop"],
];

describe.each(BAD_NAMES)("H6: a name with %s", (_, name) => {
  test("is refused in every address that takes one", async () => {
    const part = encodeURIComponent(name);
    // A URL with this part is another URL, for every client; test/server.test.ts sends it raw.
    if (part === "..") return;
    for (const [method, url] of [
      ["GET", `/v1/projects/default/${part}`],
      ["DELETE", `/v1/projects/${part}/shop`],
      ["GET", `/v1/stacks/default/shop/${part}`],
      ["DELETE", `/v1/stacks/default/${part}/test`],
      ["GET", `/v1/stacks/default/shop/${part}/config`],
      ["GET", `/v1/stacks/default/shop/${part}/releases`],
      ["GET", `/v1/stacks?project=${part}`],
      ["GET", `/v1/audit?organisation=${part}`],
    ] as const) {
      await expectProblem(method, url, {}, [422, "invalid_request"]);
    }
    const url = `/v1/stacks/default/shop/${part}/deployments`;
    await expectProblem("POST", url, { body: { operation: "update" } }, [422, "invalid_request"]);
  });

  test("is refused in every body that takes one", async () => {
    const folder = api.root;
    await expectProblem("POST", "/v1/projects", { body: { name, folder } }, [
      422,
      "invalid_request",
      "body.name",
    ]);
    const project = { organisation: name, name: "x", folder };
    await expectProblem("POST", "/v1/projects", { body: project }, [
      422,
      "invalid_request",
      "body.organisation",
    ]);
    const created = { project: "shop", name };
    await expectProblem("POST", "/v1/stacks", { body: created }, [422, "invalid_request", "body.name"]);
  });
});

describe("a body", () => {
  const refused = [422, "invalid_request"] as const;
  test.each([
    ["with an unknown field", "POST", "/v1/stacks", { project: "shop", name: "x", colour: "red" }, "colour"],
    ["with a field of the wrong type", "POST", "/v1/stacks", { project: "shop", name: 3 }, "body.name"],
    ["that is a list", "POST", "/v1/stacks", [], "body"],
    ["that is null", "POST", "/v1/stacks", null, "body"],
    ["without a required field", "POST", "/v1/stacks", { project: "shop" }, "body.name"],
    ["with NUL in a text", "PUT", "/v1/stacks/default/shop/test/tags", { tags: { a: "b\0" } }, "body.tags.a"],
    [
      "with half of a surrogate pair",
      "PUT",
      "/v1/stacks/default/shop/test/tags",
      { tags: { a: "\ud800" } },
      "body.tags.a",
    ],
    [
      "with an unknown operation",
      "POST",
      "/v1/stacks/default/shop/test/deployments",
      { operation: "nuke" },
      "body.operation",
    ],
    [
      "with an unknown option",
      "POST",
      "/v1/stacks/default/shop/test/deployments",
      { operation: "update", options: { force: true } },
      "force",
    ],
    [
      "with parallel 0",
      "POST",
      "/v1/stacks/default/shop/test/deployments",
      { operation: "update", options: { parallel: 0 } },
      "body.options.parallel",
    ],
    [
      "with a text where a number belongs",
      "POST",
      "/v1/stacks/default/shop/test/deployments",
      { operation: "update", options: { parallel: "4" } },
      "body.options.parallel",
    ],
    [
      "with a message that is too long",
      "POST",
      "/v1/stacks/default/shop/test/deployments",
      { operation: "update", message: "m".repeat(1001) },
      "body.message",
    ],
    [
      "with a config value over its limit",
      "PUT",
      "/v1/stacks/default/shop/test/config/a",
      { value: "v".repeat(65_537) },
      "body.value",
    ],
    ["where none belongs", "DELETE", "/v1/stacks/default/shop/test", { sure: true }, "sure"],
  ] as const)("%s is refused with the field", async (_, method, url, body, detail) => {
    await expectProblem(method, url, { body }, [...refused, detail]);
  });

  test("that is not JSON, has another type, or is over the limit has a problem of its own", async () => {
    const send = (payload: string, type: string) =>
      api.app.inject({
        method: "POST",
        url: "/v1/stacks",
        headers: { host: "127.0.0.1", authorization: `Bearer ${api.token}`, "content-type": type },
        payload,
      });
    const code = async (answer: ReturnType<typeof send>) => {
      const { statusCode, json } = await answer;
      return [statusCode, json<{ code: string }>().code];
    };
    expect(await code(send("{", "application/json"))).toEqual([400, "malformed_body"]);
    expect(await code(send('{"__proto__": {}}', "application/json"))).toEqual([400, "malformed_body"]);
    expect(await code(send("a=b", "application/x-www-form-urlencoded"))).toEqual([
      415,
      "unsupported_media_type",
    ]);
    expect(await code(send("a", "text/plain"))).toEqual([415, "unsupported_media_type"]);
    const large = JSON.stringify({ project: "shop", name: "x", tags: { a: "v".repeat(1_100_000) } });
    expect(await code(send(large, "application/json"))).toEqual([413, "body_too_large"]);
  });
});

describe("an address", () => {
  test("with a wrong method names the right ones", async () => {
    const answer = await api.ask("DELETE", "/v1/projects");
    expect([answer.status, answer.body.code]).toEqual([405, "method_not_allowed"]);
    expect(answer.headers.allow).toBe("GET, HEAD, POST");
  });
  test("that does not exist is 404, one that cannot be decoded 422", async () => {
    await expectProblem("GET", "/v1/nothing", {}, [404, "not_found"]);
    await expectProblem("POST", "/nothing", { body: {} }, [404, "not_found"]);
    await expectProblem("GET", "/v1/projects/%d/x", {}, [422, "invalid_request"]);
  });
  test("with an unknown or wrong query is refused with its name", async () => {
    await expectProblem("GET", "/v1/projects?colour=red", {}, [422, "invalid_request", "colour"]);
    await expectProblem("GET", "/v1/whoami?x=1", {}, [422, "invalid_request", "x"]);
    for (const query of ["limit=0", "limit=201", "limit=x", "after=%7B", "after=e30", "after=WzFd"]) {
      await expectProblem("GET", `/v1/projects?${query}`, {}, [422, "invalid_request", "query."]);
    }
    await expectProblem("GET", "/v1/deployments?status=done", {}, [422, "invalid_request", "query.status"]);
    await expectProblem("GET", "/v1/audit?stack=test", {}, [422, "invalid_request", "query.stack"]);
  });
  test("of something that is not there is 404 with its own words", async () => {
    const id = "0198a2c4-0000-7000-8000-000000000001";
    await expectProblem("GET", "/v1/projects/default/none", {}, [404, "not_found", "default/none"]);
    await expectProblem("GET", "/v1/stacks/default/shop/none", {}, [404, "not_found", "default/shop/none"]);
    await expectProblem("GET", `/v1/deployments/${id}`, {}, [404, "not_found", id]);
    await expectProblem("GET", `/v1/deployments/${id}/events`, {}, [404, "not_found", id]);
    await expectProblem("POST", `/v1/deployments/${id}/cancel`, {}, [404, "not_found", id]);
    await expectProblem("GET", `${stack}/releases/1`, {}, [404, "release_not_found"]);
    await expectProblem("DELETE", `${stack}/config/none`, {}, [404, "not_found", "shop:none"]);
    await expectProblem("GET", "/v1/deployments/1", {}, [422, "invalid_request", "params.id"]);
    await expectProblem("POST", "/v1/stacks", { body: { project: "none", name: "x" } }, [404, "not_found"]);
  });
});

describe("a project folder", () => {
  const create = (folder: string, name = "other") =>
    api.ask("POST", "/v1/projects", { body: { name, folder } });

  test("outside the allowed roots is refused", async () => {
    for (const folder of ["/", "/etc", api.dataDir, path.join(api.root, ".."), `${api.root}-evil`]) {
      const answer = await create(folder);
      expect([answer.status, answer.body.code], folder).toEqual([422, "folder_not_allowed"]);
    }
  });
  test("that is relative, missing, a file or over the limit is refused", async () => {
    await writeFile(path.join(api.root, "file"), "");
    for (const folder of ["shop", "./shop", path.join(api.root, "none"), path.join(api.root, "file")]) {
      const answer = await create(folder);
      expect([answer.status, answer.body.code], folder).toEqual([422, "folder_not_allowed"]);
    }
    for (const folder of ["", `/${"a".repeat(5000)}`, `${api.root}/a\0b`]) {
      expect((await create(folder)).body.code).toBe("invalid_request");
    }
  });
  test("that is a symlink out of the allowed roots is refused", async () => {
    await mkdir(path.join(api.root, "..", "outside"), { recursive: true });
    await symlink(path.join(api.root, "..", "outside"), path.join(api.root, "link"));
    const answer = await create(path.join(api.root, "link"));
    expect([answer.status, answer.body.code]).toEqual([422, "folder_not_allowed"]);
  });
  test("without a Pulumi.yaml, with a broken one, or with one of another project is refused", async () => {
    await mkdir(path.join(api.root, "empty"), { recursive: true });
    expect((await create(path.join(api.root, "empty"))).body.code).toBe("source_invalid");
    const broken = await api.makeProject("other", { "Pulumi.yaml": "name: other\nruntime: [" });
    expect((await create(broken)).text).toContain("Pulumi.yaml:");
    const another = await create(await api.makeProject("another"));
    expect([another.status, another.body.code]).toEqual([422, "source_invalid"]);
    expect(another.text).toContain("'another'");
  });
});

test("what exists already is 409", async () => {
  const folder = await api.makeProject("shop");
  await expectProblem("POST", "/v1/projects", { body: { name: "shop", folder } }, [409, "already_exists"]);
  await expectProblem("POST", "/v1/stacks", { body: { project: "shop", name: "test" } }, [
    409,
    "already_exists",
  ]);
  await expectProblem("DELETE", "/v1/projects/default/shop", {}, [409, "conflict", "1 stack"]);
});

describe("a request for a deployment", () => {
  const url = "/v1/stacks/default/shop/test/deployments";
  test.each([
    [
      { operation: "preview", options: { skipTests: true } },
      [422, "option_not_supported", "options.skipTests"],
    ],
    [
      { operation: "rollback", options: { targets: ["a"] } },
      [422, "option_not_supported", "options.targets"],
    ],
    [{ operation: "update", release: 1 }, [422, "option_not_supported", "release"]],
    [{ operation: "destroy", options: { replace: ["a"] } }, [422, "option_not_supported", "options.replace"]],
    [
      { operation: "update", options: { targetDependents: true } },
      [422, "invalid_request", "targetDependents"],
    ],
    [{ operation: "rollback" }, [404, "release_not_found"]],
    [{ operation: "rollback", release: 7 }, [404, "release_not_found", "7"]],
  ] as const)("%j is refused as %j", async (body, expected) => {
    await expectProblem("POST", url, { body }, expected);
  });

  test("with a wait that is too long or a bad Idempotency-Key is refused", async () => {
    await expectProblem("POST", `${url}?wait=61`, { body: { operation: "update" } }, [
      422,
      "invalid_request",
    ]);
    for (const key of ["", "a".repeat(201), "a b"]) {
      const headers = { "idempotency-key": key };
      await expectProblem("POST", url, { body: { operation: "update" }, headers }, [422, "invalid_request"]);
    }
  });
});

describe("a source", () => {
  async function request(name: string, files: Record<string, string>, later: Record<string, string> = {}) {
    const url = await api.makeStack(name, "test", files);
    const { folder } = (await api.ask("GET", `/v1/projects/default/${name}`)).body;
    for (const [file, text] of Object.entries(later)) await writeFile(path.join(String(folder), file), text);
    before = await everything();
    return api.ask("POST", `${url}/deployments`, { body: { operation: "update" } });
  }
  test("with an unknown key in slipway.yaml is refused with file, line and the nearest key", async () => {
    const answer = await request("manifest", {}, { "slipway.yaml": "servces: {}\n" });
    expect([answer.status, answer.body.code], answer.text).toEqual([422, "slipway_yaml_invalid"]);
    expect(answer.text).toMatch(/slipway\.yaml:1.*servces.*services/s);
  });
  test("with missing configuration is refused with all of it listed", async () => {
    const answer = await request("needy", {
      "Pulumi.yaml":
        "name: needy\nruntime: yaml\nconfig:\n  size: {type: integer}\n  region: string\n  tier: {type: string, default: small}\n  colour: string\n",
      "Pulumi.test.yaml": "config:\n  needy:colour: red\n",
    });
    expect([answer.status, answer.body.code], answer.text).toEqual([422, "config_missing"]);
    expect(answer.body.issues.map((issue) => issue.path).sort()).toEqual([
      "config.needy:region",
      "config.needy:size",
    ]);
  });
  test("with an encrypted value in a committed file is refused with its key", async () => {
    const answer = await request("sealed", {
      "Pulumi.test.yaml": "config:\n  sealed:password:\n    secure: AAAB\n",
    });
    expect([answer.status, answer.body.code], answer.text).toEqual([422, "source_invalid"]);
    expect(answer.text).toContain("sealed:password");
  });
});
