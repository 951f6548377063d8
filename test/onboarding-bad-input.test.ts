import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import path from "node:path";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Problem, type ProblemCode } from "../automation/src/contract/problems.ts";
import { type Installation, type Ran, startInstallation } from "./helpers/installation.ts";
import { program, writeProject } from "./helpers/trivial-project.ts";

const OVER_THE_LIMIT = 3 * 1024 * 1024;
const LONG_NAME = "x".repeat(101);
/** What a shell would carry out in whatever folder it was started in. */
const CANARY = "$(touch pwned)`touch pwned`;touch pwned";
const FOLDERS_OF_SHELLS = (): string[] => [
  process.cwd(),
  slipway.home,
  slipway.tmp,
  slipway.dataDir,
  slipway.projects,
];
const WAIT_SECONDS = 60;

let slipway: Installation;
let database: pg.Client;

beforeAll(async () => {
  slipway = await startInstallation();
  database = new pg.Client({ connectionString: slipway.databaseUrl() });
  await database.connect();
  for (const name of ["plain", "misspelt", "unconfigured", "linked-file", "syntax"]) {
    const folder = path.join(slipway.projects, name);
    writeProject(folder, name);
    await slipway.client.createProject({ body: { name, folder } });
    await slipway.client.createStack({ body: { project: name, name: "dev" } });
  }
  const at = (...parts: string[]): string => path.join(slipway.projects, ...parts);
  writeFileSync(at("misspelt", "slipway.yaml"), "# what to check\ngates: []\nservces: {}\n");
  writeFileSync(
    at("unconfigured", "Pulumi.yaml"),
    "name: unconfigured\nruntime: nodejs\nconfig:\n  region: string\n  other:size: integer\n  kind: { default: small }\n",
  );
  symlinkSync("/etc/passwd", at("linked-file", "passwd"));
  writeProject(at("unregistered"), "unregistered");
  symlinkSync("/etc", at("leads-out"));
  mkdirSync(at("empty"));
  writeProject(at("other-name"), "another");
});

afterAll(async () => {
  expect(FOLDERS_OF_SHELLS().filter((one) => existsSync(path.join(one, "pwned")))).toEqual([]);
  await database.end();
  await slipway.stop();
});

/** Everything that a refused request could have left behind: row counts of all tables, and the names of all files. */
async function remains(): Promise<Record<string, unknown>> {
  const { rows: tables } = await database.query<{ name: string }>(
    "select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname not in ('pg_catalog', 'information_schema')",
  );
  const counts: Record<string, unknown> = {};
  for (const { name } of tables) {
    const { rows } = await database.query<{ count: string }>(`select count(*) from ${name}`);
    counts[name] = rows[0]?.count;
  }
  const files = readdirSync(slipway.dataDir, { recursive: true, encoding: "utf8" })
    // The database's own files, whose rows are counted above, and the containment that the worker keeps ready.
    .filter((file) => !/^(postgres|attempts)\//.test(file))
    .sort();
  const projects = readdirSync(slipway.projects, { recursive: true, encoding: "utf8" }).sort();
  return { counts, files, projects };
}

/** Files of a name anywhere below some folders, in which work dirs come and go. */
function filesNamed(name: string, ...folders: readonly string[]): string[] {
  return folders.flatMap((folder) => {
    try {
      return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
        const full = path.join(folder, entry.name);
        if (entry.name === name) return [full];
        return entry.isDirectory() && entry.name !== "node_modules" ? filesNamed(name, full) : [];
      });
    } catch {
      // Gone since its parent was listed.
      return [];
    }
  });
}

async function refused(send: () => Promise<unknown>): Promise<void> {
  const before = await remains();
  await send();
  expect(await remains()).toEqual(before);
}

interface RawRequest {
  method?: string;
  /** Sent as it is: fetch would correct what should be wrong. */
  path: string;
  body?: unknown;
  rawBody?: string;
  type?: string;
}

function send({ method = "POST", path: address, body, rawBody, type }: RawRequest): Promise<Problem> {
  const payload = rawBody ?? (body === undefined ? "" : JSON.stringify(body));
  const { hostname, port } = new URL(slipway.baseUrl);
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        hostname,
        port,
        path: address,
        method,
        headers: {
          authorization: `Bearer ${slipway.token}`,
          "content-type": type ?? "application/json",
          "content-length": Buffer.byteLength(payload),
        },
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk: string) => {
          text += chunk;
        });
        response.on("end", () => {
          try {
            resolve(Problem.parse(JSON.parse(text)));
          } catch (error) {
            reject(new Error(`${response.statusCode}, no problem: ${text.slice(0, 500)}`, { cause: error }));
          }
        });
      },
    );
    // The server may close the connection while a body that is too large is still being sent.
    sent.on("error", reject);
    sent.end(payload);
  });
}

const stacks = "/v1/stacks";
const dev = (project: string): string => `${stacks}/default/${project}/dev`;
const newStack = (name: unknown): RawRequest => ({ path: stacks, body: { project: "plain", name } });
const update = (project: string): RawRequest => ({
  path: `${dev(project)}/deployments`,
  body: { operation: "update" },
});
const folder = (name: string, ...parts: string[]): RawRequest => ({
  path: "/v1/projects",
  body: { name, folder: path.join("/", ...parts) },
});

interface ApiCase {
  what: string;
  request: () => RawRequest;
  code: ProblemCode;
  /** What the problem must say. */
  says: RegExp;
}

const API: readonly ApiCase[] = [
  {
    what: "an unknown field",
    request: () => ({ path: stacks, body: { project: "plain", name: "new", colour: "red" } }),
    code: "invalid_request",
    says: /colour/,
  },
  {
    what: "an unknown field in the options",
    request: () => ({
      path: `${dev("plain")}/deployments`,
      body: { operation: "update", options: { paralel: 3 } },
    }),
    code: "invalid_request",
    says: /options.*paralel/,
  },
  {
    what: "an unknown field in the query",
    request: () => ({ method: "GET", path: "/v1/deployments?limt=3" }),
    code: "invalid_request",
    says: /limt/,
  },
  {
    what: "a number as a name",
    request: () => newStack(7),
    code: "invalid_request",
    says: /body\.name.*string/,
  },
  {
    what: "a word as a number",
    request: () => ({
      path: `${dev("plain")}/deployments`,
      body: { operation: "update", options: { parallel: "many" } },
    }),
    code: "invalid_request",
    says: /options\.parallel/,
  },
  {
    what: "an operation that does not exist",
    request: () => ({ path: `${dev("plain")}/deployments`, body: { operation: "explode" } }),
    code: "invalid_request",
    says: /operation/,
  },
  {
    what: "a list instead of an object",
    request: () => ({ path: stacks, body: [] }),
    code: "invalid_request",
    says: /object/,
  },
  {
    what: "a body that is no JSON",
    request: () => ({ path: stacks, rawBody: '{"project": ' }),
    code: "malformed_body",
    says: /JSON/,
  },
  {
    what: "a body of another type",
    request: () => ({ path: stacks, rawBody: "name=new", type: "application/x-www-form-urlencoded" }),
    code: "unsupported_media_type",
    says: /application\/json/,
  },
  {
    what: "a body over the limit",
    request: () => ({
      method: "PUT",
      path: `${dev("plain")}/config/plain:big`,
      body: { value: "x".repeat(OVER_THE_LIMIT) },
    }),
    code: "body_too_large",
    says: /larger than/,
  },
  ...["..", "a..b", "a/b", "../../etc", "-x", "--help", "a\0b", LONG_NAME, "", " ", "%d", CANARY].map(
    (name) => ({
      what: `${JSON.stringify(name.slice(0, 30))} as the name of a new stack`,
      request: () => newStack(name),
      code: "invalid_request" as const,
      says: /a stack name must/,
    }),
  ),
  ...["a..b", "-x", "a%00b", "a%2Fb", LONG_NAME, "%25d", encodeURIComponent(CANARY)].map((name) => ({
    what: `${name.slice(0, 30)} as the stack of an address`,
    request: () => ({ ...update("plain"), path: `${stacks}/default/plain/${name}/deployments` }),
    code: "invalid_request" as const,
    says: /a stack name must/,
  })),
  {
    what: "a project in a folder outside the allowed roots",
    request: () => folder("etc", "etc"),
    code: "folder_not_allowed",
    says: /\/etc is outside/,
  },
  {
    what: "a project in a folder that climbs out of its root",
    request: () => ({
      path: "/v1/projects",
      body: { name: "etc", folder: `${slipway.projects}/${path.relative(slipway.projects, "/etc")}` },
    }),
    code: "folder_not_allowed",
    says: /outside/,
  },
  {
    what: "a project in a folder whose link leads out",
    request: () => folder("etc", slipway.projects, "leads-out"),
    code: "folder_not_allowed",
    says: /outside/,
  },
  {
    what: "a project in a folder that does not exist",
    request: () => folder("gone", slipway.projects, "gone"),
    code: "folder_not_allowed",
    says: /does not exist/,
  },
  {
    what: "a project in a folder without Pulumi.yaml",
    request: () => folder("empty", slipway.projects, "empty"),
    code: "source_invalid",
    says: /no Pulumi\.yaml/,
  },
  {
    what: "a project under another name than its own",
    request: () => folder("other-name", slipway.projects, "other-name"),
    code: "source_invalid",
    says: /'another', not 'other-name'/,
  },
  {
    what: "a source with a link that leads out",
    request: () => update("linked-file"),
    code: "source_invalid",
    says: /passwd is a link that leads out/,
  },
  {
    what: "an unknown key in slipway.yaml",
    request: () => update("misspelt"),
    code: "slipway_yaml_invalid",
    says: /slipway\.yaml:3.*servces.*services/,
  },
  {
    what: "missing configuration",
    request: () => update("unconfigured"),
    code: "config_missing",
    says: /(?=.*unconfigured:region)(?=.*other:size)/,
  },
];

describe("bad input through the API", () => {
  test.for(API)("$what is refused as $code, and nothing is written", async ({ request, code, says }) => {
    await refused(async () => {
      const problem = await send(request());
      const text = [
        problem.detail,
        ...(problem.issues ?? []).map((one) => `${one.path}: ${one.message}`),
      ].join(" | ");
      expect(`${problem.code}: ${text}`).toMatch(new RegExp(`^${code}: `));
      expect(text.replaceAll("\n", " ")).toMatch(says);
    });
  });

  test("each problem has a type, a title and a status that belong to its code", async () => {
    const problem = await send(newStack("-x"));
    expect(problem).toMatchObject({
      type: "urn:slipway:problem:invalid_request",
      title: "The request does not have the expected form",
      status: 422,
    });
  });
});

interface CliCase {
  what: string;
  args: () => string[];
  code: number;
  says: RegExp;
  cwd?: () => string;
}

const USAGE = 2;
const REFUSED = 8;
const CLI: readonly CliCase[] = [
  {
    what: "an unknown option",
    args: () => ["deploy", "-s", "plain/dev", "--paralel", "3"],
    code: USAGE,
    says: /--paralel[\s\S]*--parallel/,
  },
  {
    what: "an unknown command",
    args: () => ["deplyo"],
    code: USAGE,
    says: /deplyo[\s\S]*deploy/,
  },
  {
    what: "a word as a number",
    args: () => ["deploy", "-s", "plain/dev", "--parallel", "many"],
    code: USAGE,
    says: /--parallel.*many|many.*--parallel/,
  },
  {
    what: "a value over the limit",
    // One argument of Linux holds 128 KiB at most: over the limit of a value, below that of a body.
    args: () => ["config", "set", "-s", "plain/dev", "big", "x".repeat(100_000)],
    code: REFUSED,
    says: /value/,
  },
  // NUL cannot be in an argument of a program at all.
  ...["..", "a..b", "plain/a/b/c/d", "-x", LONG_NAME, "%d", CANARY].map((name) => ({
    what: `${JSON.stringify(name.slice(0, 30))} as the name of a new stack`,
    args: () => ["stacks", "create", "--", name.includes("/") ? name : `plain/${name}`],
    code: USAGE,
    says: /cannot be used as a name|is not the name of a stack/,
  })),
  {
    what: "a project in a folder outside the allowed roots",
    args: () => ["projects", "create", "etc", "--folder", "/etc"],
    code: REFUSED,
    says: /\/etc is outside/,
  },
  {
    what: "a project in a folder whose link leads out",
    args: () => ["projects", "create", "etc", "--folder", path.join(slipway.projects, "leads-out")],
    code: REFUSED,
    says: /outside/,
  },
  {
    what: "an unknown key in slipway.yaml",
    args: () => ["deploy", "-s", "misspelt/dev"],
    code: REFUSED,
    says: /slipway\.yaml:3.*servces.*services/,
  },
  {
    what: "missing configuration",
    args: () => ["deploy", "-s", "unconfigured/dev"],
    code: REFUSED,
    says: /(?=[\s\S]*unconfigured:region)(?=[\s\S]*other:size)/,
  },
  {
    what: "a secret as an argument",
    args: () => ["config", "set", "-s", "plain/dev", "password", "hunter2", "--secret"],
    code: USAGE,
    says: /must not be given as an argument/,
  },
];

describe("bad input through the CLI", () => {
  test.for(CLI)("$what is refused with exit code $code, and nothing is written", async (one) => {
    await refused(async () => {
      const ran = await slipway.cli(one.args());
      expect(ran.stderr.replaceAll("\n", " ")).toMatch(one.says);
      expect(ran).toMatchObject({ code: one.code, stdout: "" });
      expect(ran.stderr).not.toMatch(/\n\s+at /);
    });
  });
});

describe("what is text and not a name", () => {
  test("reaches no shell: a folder, a message, a config value and a tag full of shell syntax", async () => {
    const text = `$(touch ${slipway.tmp}/pwned);touch ${slipway.tmp}/pwned`;
    const odd = path.join(slipway.projects, CANARY.replaceAll("/", ""));
    writeProject(odd, "odd", { [`${CANARY}.txt`]: "", "index.js": program("v1") });
    const { client } = slipway;
    await client.createProject({ body: { name: "odd", folder: odd } });
    await client.createStack({ body: { project: "odd", name: "dev", tags: { why: text } } });
    const stack = { organisation: "default", project: "odd", stack: "dev" };
    await client.setConfig({ params: { ...stack, key: "odd:text" }, body: { value: text } });
    await client.setConfig({
      params: { ...stack, key: "odd:secret" },
      body: { value: text, secret: true },
    });
    const ended = await client.requestDeployment({
      params: stack,
      query: { wait: WAIT_SECONDS },
      body: { operation: "update", message: text },
    });
    expect(ended).toMatchObject({ status: "succeeded", message: text });
    expect(filesNamed("pwned", slipway.projects, slipway.dataDir)).toEqual([]);
  });

  test("a program with a syntax error fails by file and line, and leaves no release and no resource", async () => {
    writeFileSync(path.join(slipway.projects, "syntax", "index.js"), "const fine = 1;\nconst = broken;\n");
    const ended = await slipway.client.requestDeployment({
      params: { organisation: "default", project: "syntax", stack: "dev" },
      query: { wait: WAIT_SECONDS },
      body: { operation: "update" },
    });
    expect(ended).toMatchObject({ status: "failed", release: null, rolledBackBy: null });
    expect(ended.failure?.detail).toMatch(/index\.js:2/);
    const ran: Ran = await slipway.cli(["deploy", "-s", "syntax/dev"]);
    expect(ran.code).toBe(1);
    expect(ran.stdout).toMatch(/index\.js:2/);
    const stack = await slipway.client.getStack({
      params: { organisation: "default", project: "syntax", stack: "dev" },
    });
    expect(stack).toMatchObject({ currentRelease: null });
    expect(stack.resourceCount ?? 0).toBe(0);
  });
});
