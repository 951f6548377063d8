import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runDueOnce } from "../automation/src/schedules/run-due.ts";
import type { AnswerBody, TestAnswer, TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import { group, person, setRules } from "./helpers/approvals.ts";
import { endedWithin } from "./helpers/deployments.ts";
import { linesOf, register, writeLedgerProject } from "./helpers/ledger-project.ts";
import type { TestCli } from "./helpers/pulumi-cli.ts";
import { linkPackages, startTestCli } from "./helpers/pulumi-cli.ts";
import { type CliRun, runSlipway } from "./helpers/run-cli.ts";
import { eventually } from "./helpers/waiting.ts";
import type { TestWorker } from "./helpers/worker.ts";
import { startWorkerOf } from "./helpers/worker.ts";

const RUN_MS = 120_000;
const STACK = "/v1/stacks/default/doors/production";

let api: TestApi;
let worker: TestWorker;
let cli: TestCli;
let ledger: string;
/** Of a person's own, with the same program. */
let laptop: string;
/** What has really happened before the stack was protected. */
let truth: string[];
let stateNumber = 0;
/** A deployment of then. */
let earlier: string;
const triggered: string[] = [];

const write = (folder: string, version: string): string =>
  writeLedgerProject(folder, "doors", { version, ledger, texts: ["one", "two"] });

beforeAll(async () => {
  api = await startTestApi();
  // A machine with much to do refuses work for a moment.
  await eventually(
    "the server takes work",
    RUN_MS,
    async () => (await api.ask("GET", "/v1/whoami")).status === 200,
  );
  ledger = path.join(api.root, "doors-ledger.txt");
  const folder = path.join(api.root, "doors");
  write(folder, "v1");
  await register(api, "doors", folder, ["staging", "production"]);
  worker = await startWorkerOf(api);
  const deploy = async (stack: string): Promise<string> => {
    const { body } = await api.ask("POST", `/v1/stacks/default/doors/${stack}/deployments`, {
      body: { operation: "update" },
    });
    const done = await endedWithin(api, body.id, RUN_MS);
    if (done.status !== "succeeded") throw new Error(`${JSON.stringify(done.failure)} ${worker.output()}`);
    return body.id;
  };
  await deploy("production");
  write(folder, "v2");
  earlier = await deploy("production");
  await deploy("staging");
  write(folder, "v3");
  await person(api, "ann");
  await group(api, "ops", ["ann"]);
  await setRules(api, STACK, { rules: [{ name: "ops", need: 1, from: ["ops"], minRisk: "low" }] });
  await api.ask("PUT", `${STACK}/tags`, { body: { tags: { environment: "production" } } });
  cli = await startTestCli(api);
  laptop = linkPackages(write(cli.folder("doors"), "v4"));
  truth = linesOf(ledger);
});
afterAll(async () => {
  await cli.close();
  await worker.stop();
  await api.close();
});

async function newestState(): Promise<number> {
  const { rows } = await sql<{ number: number }>`
    select max(t.number) as number from states t join stacks s on s.id = t.stack_id where s.name = 'production'`.execute(
    api.db,
  );
  return rows[0]?.number ?? 0;
}

/** Asks until the server takes it: a machine with much to do refuses work for a moment. */
function asked(...args: Parameters<TestApi["ask"]>): Promise<TestAnswer> {
  return eventually("the server takes work", RUN_MS, async () => {
    const answer = await api.ask(...args);
    return answer.status === 503 ? undefined : answer;
  });
}

async function request(body: unknown, headers: Record<string, string> = {}): Promise<AnswerBody> {
  const { status, body: answer, text } = await asked("POST", `${STACK}/deployments`, { body, headers });
  if (status !== 202) throw new Error(text);
  return answer;
}

/** A `slipway` command line of the owner. */
function slipway(...argv: string[]): Promise<CliRun> {
  const env = { SLIPWAY_TOKEN: api.token, HOME: cli.home };
  return runSlipway([...argv, "--server", cli.url], { env, cwd: api.root });
}

/** Each way to ask for a change; answers the deployment that came of it. */
const TRIGGERS: Readonly<Record<string, () => Promise<string>>> = {
  "an update over HTTP": async () => (await request({ operation: "update" })).id,
  "slipway deploy": async () => {
    const { stdout } = await slipway("deploy", "-s", "doors/production", "--no-wait", "--json");
    return (JSON.parse(stdout) as AnswerBody).id;
  },
  "the console, by a person who signed in and is asked for votes": async () => {
    const ann = await person(api, "ann", { default: "admin" });
    return (await request({ operation: "update" }, { ...ann.session, origin: "http://127.0.0.1" })).id;
  },
  "a schedule": async () => {
    await api.ask("POST", `${STACK}/schedules`, {
      body: { name: "soon", operation: "update", at: new Date(Date.now() + 500).toISOString() },
    });
    const { items } = await eventually("the schedule ran", RUN_MS, async () => {
      await runDueOnce(api.dependencies, new AbortController().signal);
      const { body } = await api.ask("GET", `${STACK}/schedules/soon/slots`);
      return body.items.length > 0 ? body : undefined;
    });
    return String((items[0]?.deployment as AnswerBody | undefined)?.id);
  },
  "a retry after an earlier one": async () => (await request({ operation: "update", message: "again" })).id,
  "an idempotent request and its replay": async () => {
    const headers = { "idempotency-key": "doors-1" };
    const [first, second] = [
      await request({ operation: "update" }, headers),
      await request({ operation: "update" }, headers),
    ];
    expect(second.id).toBe(first.id);
    return first.id;
  },
  "a rollback by hand": async () => (await request({ operation: "rollback", release: 1 })).id,
  "a promotion": async () => (await request({ operation: "update", promote: { stack: "staging" } })).id,
  "a refresh over HTTP": async () => (await request({ operation: "refresh" })).id,
  "a destroy over HTTP": async () => (await request({ operation: "destroy" })).id,
  "a remediation of drift": async () => (await request({ operation: "remediate-drift" })).id,
};

describe("no trigger reaches a resource without votes", () => {
  test.each(Object.keys(TRIGGERS))("%s", async (name) => {
    const id = (await TRIGGERS[name]?.()) ?? "";
    triggered.push(id);
    const body = await eventually(`${name} has come as far as it may`, RUN_MS, async () => {
      const { body: now } = await asked("GET", `/v1/deployments/${id}`);
      return now.status === "waiting_approval" || now.finishedAt !== null ? now : undefined;
    });
    // What finds that nothing differs asks nobody, and changes nothing.
    const steps = body.steps as AnswerBody[];
    const why = steps.find((step) => step.name === "approval")?.detail;
    if (body.status !== "waiting_approval")
      expect([body.status, why]).toEqual(["succeeded", "nothing is to be changed"]);
    expect(linesOf(ledger)).toEqual(truth);
  });

  test("going on with an earlier one, and cancelling and continuing", async () => {
    const waiting = triggered[0] ?? "";
    await asked("POST", `/v1/deployments/${waiting}/cancel`);
    for (const id of [waiting, earlier]) {
      const { status } = await asked("POST", `/v1/deployments/${id}/continue`, { body: {} });
      expect(status).toBe(409);
    }
  });

  test("without a preview it is refused", async () => {
    const { status, body } = await asked("POST", `${STACK}/deployments`, {
      body: { operation: "update", options: { skipPreview: true } },
    });
    expect([status, body.code]).toEqual([409, "approval_required"]);
    const { code, printed } = await slipway("deploy", "-s", "doors/production", "--skip-preview");
    expect(code).toBe(8);
    expect(printed).toContain("The preview cannot be skipped");
  });
});

describe("the stock CLI", () => {
  const RESOURCE = "urn:pulumi:production::doors::ledger:index:Entry::one";
  const pulumi = (args: readonly string[], stdin = "") =>
    cli.run([...args, "--non-interactive"], { cwd: laptop, stdin });

  beforeAll(async () => {
    await cli.succeed(["stack", "select", "production"], { cwd: laptop });
    // What found nothing to change has left a state of its own.
    await eventually("nothing runs", RUN_MS, async () => {
      const { rows } = await sql`select 1 from deployments where status in ('queued', 'running')`.execute(
        api.db,
      );
      return rows.length === 0;
    });
    stateNumber = await newestState();
  });

  test("previews", async () => {
    const { code, text } = await pulumi(["preview"]);
    expect(code, text).toBe(0);
  });

  test.each<[string, readonly string[]]>([
    ["up", ["up", "--yes"]],
    ["up without a preview", ["up", "--yes", "--skip-preview"]],
    ["destroy", ["destroy", "--yes", "--skip-preview"]],
    ["refresh", ["refresh", "--yes", "--skip-preview"]],
    [
      "import of a resource",
      ["import", "ledger:index:Entry", "three", "three", "--yes", "--skip-preview", "--generate-code=false"],
    ],
    ["state delete", ["state", "delete", RESOURCE, "--yes", "--force"]],
    ["state unprotect", ["state", "unprotect", RESOURCE, "--yes"]],
    ["stack rename", ["stack", "rename", "elsewhere"]],
    ["stack rm --force", ["stack", "rm", "production", "--yes", "--force", "--preserve-config"]],
  ])("%s is refused, and says what to do", async (_, args) => {
    const { code, text } = await pulumi(args);
    expect(code, text).not.toBe(0);
    expect(text).toContain("its rules ask for approval of changes");
    expect(text).toContain("slipway deploy -s default/doors/production");
    expect([linesOf(ledger), await newestState()]).toEqual([truth, stateNumber]);
  });

  test("import of a state is refused", async () => {
    const file = path.join(cli.home, "state.json");
    await cli.succeed(["stack", "export", "--file", file], { cwd: laptop });
    writeFileSync(file, readFileSync(file, "utf8").replaceAll('"v2"', '"v9"'));
    const { code, text } = await pulumi(["stack", "import", "--file", file]);
    expect(code, text).not.toBe(0);
    expect(text).toContain("An import of a state cannot change default/doors/production");
    expect(await newestState()).toBe(stateNumber);
  });
});

test("after all of it the ledger is as it was, and so is the state", async () => {
  expect([linesOf(ledger), await newestState()]).toEqual([truth, stateNumber]);
  const { rows } = await sql<{ changes: Record<string, number> }>`
    select u.resource_changes as changes from updates u join stacks s on s.id = u.stack_id
    where s.name = 'production' and not u.dry_run and u.started_at > (select max(created_at) from approval_rule_sets)`.execute(
    api.db,
  );
  for (const { changes } of rows) expect(Object.keys(changes)).toEqual(["same"]);
  expect(triggered).toHaveLength(Object.keys(TRIGGERS).length);
});
