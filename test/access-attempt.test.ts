import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { actorOf } from "../automation/src/access/actor.ts";
import { makeAttemptToken } from "../automation/src/access/attempt-tokens.ts";
import { endAttempt, startAttempt } from "../automation/src/attempts/store.ts";
import { withTransaction } from "../automation/src/database.ts";
import { claimStack, tokenOf } from "./helpers/access.ts";
import type { TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import { linkPackages, startTestCli, type TestCli } from "./helpers/pulumi-cli.ts";
import { digestOfTables } from "./helpers/service-api.ts";

const OWN = "default/shop/test";
const OTHER = "default/base/test";
const SECRET = "only for those that were allowed";

let api: TestApi;
let cli: TestCli;

beforeAll(async () => {
  api = await startTestApi();
  cli = await startTestCli(api);
  writeProgram(
    "base",
    `export const url = "http://base"; export const password = pulumi.secret("${SECRET}");
new pulumi.ComponentResource("base:index:Inner", "inner", { hidden: "how base is built" });`,
  );
  writeProgram("shop", `export const version = 1;`);
  for (const [name, stack] of [
    ["base", OTHER],
    ["shop", OWN],
  ] as const) {
    const cwd = cli.folder(name);
    await cli.succeed(["stack", "init", stack], { cwd });
    await cli.succeed(["up", "--yes", "--skip-preview", "--stack", stack], { cwd });
  }
});
afterAll(async () => {
  await cli.close();
  await api.close();
});

function writeProgram(name: string, text: string): void {
  const folder = cli.folder(name);
  const isNew = mkdirSync(folder, { recursive: true }) !== undefined;
  writeFileSync(
    path.join(folder, "Pulumi.yaml"),
    `name: ${name}\nruntime:\n  name: nodejs\n  options:\n    typescript: false\n`,
  );
  writeFileSync(path.join(folder, "package.json"), '{"name":"trivial","type":"module","main":"index.js"}');
  writeFileSync(path.join(folder, "index.js"), `import pulumi from "@pulumi/pulumi";\n${text}\n`);
  if (isNew) linkPackages(folder);
}

/** An attempt of the shop's stack holds it while `work` runs, with the token of its engine. */
async function asAttempt<T>(
  { mayChange }: { mayChange: boolean },
  work: (token: string) => Promise<T>,
): Promise<T> {
  const { rows } = await sql<{ id: string }>`
    select s.id from stacks s join projects p on p.id = s.project_id where p.name = 'shop'`.execute(api.db);
  const claim = await claimStack(api.db, rows[0]?.id ?? "", mayChange ? "update" : "preview");
  // There is no worker that renews it.
  await sql`update stack_writers set expires_at = now() + interval '10 minutes' where holder = ${claim.attemptId}`.execute(
    api.db,
  );
  const token = await withTransaction(api.db, (trx) =>
    makeAttemptToken(trx, { attemptId: claim.attemptId, mayChange }),
  );
  try {
    return await work(token);
  } finally {
    await withTransaction(api.db, async (trx) => {
      await startAttempt(trx, claim.attemptId);
      await endAttempt(trx, claim, "succeeded");
      await sql`update deployments set status = 'succeeded', finished_at = now() where id = ${claim.deploymentId}`.execute(
        trx,
      );
    });
    expect(await actorOf(api.db, token)).toBeUndefined();
  }
}

const engine = (token: string): Record<string, string> => ({
  PULUMI_ACCESS_TOKEN: token,
  PULUMI_BACKEND_URL: cli.url,
  PULUMI_HOME: path.join(cli.home, "engine"),
});

/** What a program would send that has read its engine's token from the environment. */
const TRIES: readonly (readonly [string, string, string, unknown])[] = [
  ["update of its own stack", "POST", `/api/stacks/${OWN}/update`, { options: {} }],
  ["destroy of its own stack", "POST", `/api/stacks/${OWN}/destroy`, { options: {} }],
  ["refresh of its own stack", "POST", `/api/stacks/${OWN}/refresh`, { options: {} }],
  ["import into its own stack", "POST", `/api/stacks/${OWN}/import`, { version: 3, deployment: null }],
  ["stack rm", "DELETE", `/api/stacks/${OWN}?force=true`, undefined],
  ["rename", "POST", `/api/stacks/${OWN}/rename`, { newName: "mine", newProject: "shop" }],
  ["tags", "PATCH", `/api/stacks/${OWN}/tags`, {}],
  ["a stack of its own making", "POST", "/api/stacks/default/shop", { stackName: "mine" }],
  ["deployment of its own stack", "POST", `/v1/stacks/${OWN}/deployments`, { operation: "destroy" }],
  ["config of its own stack", "PUT", `/v1/stacks/${OWN}/config/shop:a`, { value: "1" }],
  ["reader of its own choice", "PUT", `/v1/stacks/${OWN}/readers/base/test`, undefined],
  ["token that lasts", "POST", "/v1/tokens", { name: "kept" }],
  ["role for somebody", "PUT", "/v1/organisations/default/members/eve", { role: "admin" }],
  ["another stack", "GET", `/api/stacks/${OTHER}`, undefined],
  ["state of another stack", "GET", `/api/stacks/${OTHER}/export`, undefined],
  ["history of another stack", "GET", `/api/stacks/${OTHER}/updates`, undefined],
  ["secrets of another stack", "POST", `/api/stacks/${OTHER}/decrypt`, { ciphertext: "AAAA" }],
  ["preview of another stack", "POST", `/api/stacks/${OTHER}/preview`, { options: { dryRun: true } }],
  ["update of another stack", "POST", `/api/stacks/${OTHER}/update`, { options: {} }],
  ["another stack over /v1", "GET", `/v1/stacks/${OTHER}`, undefined],
  ["config of another stack", "GET", `/v1/stacks/${OTHER}/config`, undefined],
  ["a stack that is not there", "GET", "/api/stacks/default/none/test", undefined],
];

/** A program that sends all of it with the token that it runs with, and writes the statuses down. */
function nosyProgram(file: string): string {
  return `import { writeFileSync } from "node:fs";
const token = process.env.PULUMI_ACCESS_TOKEN;
const answers = {};
for (const [what, method, path, body] of ${JSON.stringify(TRIES)}) {
  const answer = await fetch(process.env.PULUMI_BACKEND_URL + path, {
    method,
    headers: {
      authorization: (path.startsWith("/api") ? "token " : "Bearer ") + token,
      ...(body == null ? {} : { "content-type": "application/json" }),
    },
    ...(body == null ? {} : { body: JSON.stringify(body) }),
  });
  answers[what] = answer.status;
}
writeFileSync(${JSON.stringify(file)}, JSON.stringify({ token, answers }));
export const version = 1;`;
}

/** Tables that the refused requests could have changed; a preview itself leaves an update, its events and their audit entries. */
async function watched(): Promise<Record<string, string>> {
  const digests = await digestOfTables(api.db);
  return Object.fromEntries(
    Object.entries(digests).filter(
      ([name]) => !/\.(updates|update_events|audit_entries|stack_writers|data_keys)$/.test(name),
    ),
  );
}

describe("T19: the token of a preview, used by the program itself", () => {
  test("previews; update, destroy, stack rm and every other stack are refused, and nothing is stored", async () => {
    const file = path.join(cli.home, "answers.json");
    writeProgram("shop", nosyProgram(file));
    await asAttempt({ mayChange: false }, async (token) => {
      const before = await watched();
      const run = await cli.run(["preview", "--stack", OWN], { cwd: cli.folder("shop"), env: engine(token) });
      expect(run.code, run.text).toBe(0);
      const sent = JSON.parse(readFileSync(file, "utf8")) as {
        token: string;
        answers: Record<string, number>;
      };
      expect(sent.token === token).toBe(true);
      const expected = TRIES.map(([what, , address]) => {
        const isOwn = address.includes(OWN) || !/\/stacks\/default\/(base|none)\//.test(address);
        return [what, isOwn ? 403 : 404];
      });
      expect(sent.answers).toEqual(Object.fromEntries(expected));
      expect(await watched()).toEqual(before);
    });
  });

  test("the stock CLI with that token neither updates, destroys nor removes the stack", async () => {
    writeProgram("shop", `export const version = 2;`);
    await asAttempt({ mayChange: false }, async (token) => {
      const before = await watched();
      for (const args of [
        ["up", "--yes", "--skip-preview", "--stack", OWN],
        ["destroy", "--yes", "--skip-preview", "--stack", OWN],
        ["stack", "rm", "--yes", "--force", OWN],
        ["stack", "export", "--stack", OTHER],
      ]) {
        const run = await cli.run(args, { cwd: cli.folder("shop"), env: engine(token) });
        expect(run.code, `${args.join(" ")}: ${run.text}`).not.toBe(0);
      }
      expect(await watched()).toEqual(before);
    });
    expect(
      (
        await cli.succeed(["stack", "output", "version", "--stack", OWN], { cwd: cli.folder("shop") })
      ).stdout.trim(),
    ).toBe("1");
  });

  test("the token of an update changes its own stack, and neither removes it nor reaches another", async () => {
    const file = path.join(cli.home, "answers-of-update.json");
    writeProgram("shop", nosyProgram(file));
    await asAttempt({ mayChange: true }, async (token) => {
      const run = await cli.run(["up", "--yes", "--skip-preview", "--stack", OWN], {
        cwd: cli.folder("shop"),
        env: engine(token),
      });
      expect(run.code, run.text).toBe(0);
      const { answers } = JSON.parse(readFileSync(file, "utf8")) as { answers: Record<string, number> };
      for (const [what, , address] of TRIES) {
        // A second update is made but cannot start: one at a time.
        if (
          ["update of its own stack", "destroy of its own stack", "refresh of its own stack"].includes(what)
        )
          continue;
        const isOwn = address.includes(OWN) || !/\/stacks\/default\/(base|none)\//.test(address);
        const allowed = what === "import into its own stack" ? [409] : [isOwn ? 403 : 404];
        expect(allowed, `${what}: ${answers[what] ?? "not sent"}`).toContain(answers[what]);
      }
      const removed = await cli.run(["stack", "rm", "--yes", "--force", OWN], {
        cwd: cli.folder("shop"),
        env: engine(token),
      });
      expect(removed.code).not.toBe(0);
    });
  });
});

describe("T19: the outputs of another stack, by StackReference", () => {
  const readers = `/v1/stacks/${OTHER}/readers`;
  const preview = (token: string) =>
    cli.run(["preview", "--stack", OWN], { cwd: cli.folder("shop"), env: engine(token) });

  beforeAll(() => {
    writeProgram(
      "shop",
      `const base = new pulumi.StackReference("${OTHER}");
export const url = base.requireOutput("url");
export const length = base.requireOutput("password").apply((password) => "length " + password.length);
pulumi.log.info("reads the other stack");`,
    );
  });

  test("are not there for an attempt whose stack is not allowed to read them", async () => {
    const run = await asAttempt({ mayChange: false }, preview);
    expect(run.code).not.toBe(0);
    expect(run.text).toContain(`unknown stack "${OTHER}"`);
    expect((await api.ask("GET", readers)).body.reads).toEqual([]);
  });

  test("are read once it is allowed, secrets included, nothing else of the state; and the read is told to their owner", async () => {
    expect((await api.ask("PUT", `${readers}/shop/test`)).status).toBe(200);
    await asAttempt({ mayChange: true }, async (token) => {
      const run = await cli.run(["up", "--yes", "--skip-preview", "--stack", OWN], {
        cwd: cli.folder("shop"),
        env: engine(token),
      });
      expect(run.code, run.text).toBe(0);
      const exported = await cli.run(["stack", "export", "--stack", OTHER], {
        cwd: cli.folder("base"),
        env: engine(token),
      });
      expect(exported.code, exported.text).toBe(0);
      const { resources } = (JSON.parse(exported.stdout) as { deployment: { resources: { type: string }[] } })
        .deployment;
      expect(resources.map(({ type }) => type)).toEqual(["pulumi:pulumi:Stack"]);
      expect(exported.stdout).not.toContain("how base is built");
      for (const path of ["updates", "updates/latest"]) {
        const response = await fetch(`${cli.url}/api/stacks/${OTHER}/${path}`, {
          headers: { authorization: `token ${token}` },
        });
        expect(response.status, path).toBe(403);
      }
    });
    const outputs = await cli.succeed(["stack", "output", "--json", "--show-secrets", "--stack", OWN], {
      cwd: cli.folder("shop"),
    });
    expect(JSON.parse(outputs.stdout)).toEqual({ url: "http://base", length: `length ${SECRET.length}` });
    expect((await api.ask("GET", readers)).body.reads).toMatchObject([
      { reader: { organisation: "default", project: "shop", stack: "test" }, principal: "attempt" },
    ]);
    const { body } = await api.ask("GET", "/v1/audit?action=outputs.read");
    expect(body.items).toMatchObject([{ subject: OTHER, details: { reader: "shop/test" } }]);
  });

  test("are not there again after the reader was removed", async () => {
    expect((await api.ask("DELETE", `${readers}/shop/test`)).status).toBe(204);
    const run = await asAttempt({ mayChange: false }, preview);
    expect(run.text).toContain(`unknown stack "${OTHER}"`);
  });

  test("are read by a bare CLI run as its principal may, and the owner of the outputs sees who and from where", async () => {
    const dev = await tokenOf(api, "dev", { default: "deployer" });
    const run = await preview(dev);
    expect(run.code, run.text).toBe(0);
    const { reads } = (await api.ask("GET", readers)).body;
    expect(reads).toContainEqual(
      expect.objectContaining({
        reader: { organisation: "default", project: "shop", stack: "test" },
        principal: "user:dev",
        times: 1,
      }),
    );
    // The engine of that run has read the state of its own stack too, which is no reference.
    expect((await api.ask("GET", `/v1/stacks/${OWN}/readers`)).body.reads).toEqual([]);
    const stranger = await tokenOf(api, "stranger", { elsewhere: "admin" });
    const refused = await preview(stranger);
    expect(refused.code).not.toBe(0);
    expect(refused.text).not.toContain("http://base");
  });
});
