import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { COMMANDS } from "../automation/src/cli/program.ts";
import { ProblemError } from "../automation/src/client/problem-error.ts";
import { type Deployment, DeploymentOperation, endpoints } from "../automation/src/contract/index.ts";
import { needsBrowser, openBrowser, signedIn } from "./helpers/console.ts";
import { type Installation, startInstallation } from "./helpers/installation.ts";
import { freePort } from "./helpers/sample.ts";
import { trial } from "./helpers/trial.ts";
import { program, writeProject } from "./helpers/trivial-project.ts";
import { eventually } from "./helpers/waiting.ts";

const ANSWER_WITHIN_MS = 5_000;
const WAIT_SECONDS = 60;
const KEPT_WITHIN_MS = 10_000;
/** More than two sweeps of the worker for deployments that nobody told it of. */
const LONG_ENOUGH_FOR_A_RETRY_MS = 6_000;

const THROWS = `function check(house) {
  if (house !== "right") throw new Error("the moon is in the wrong house");
}
check("left");`;

let slipway: Installation;

beforeAll(async () => {
  slipway = await startInstallation();
  for (const [name, source] of [
    ["steady", program("v1")],
    ["boom", program("v1", THROWS)],
    ["endless", program("v1", "await new Promise((done) => setTimeout(done, 600_000));")],
    ["fresh", program("v1")],
    ["strict", program("v1")],
  ] as const) {
    const folder = writeProject(path.join(slipway.projects, name), name, { "index.js": source });
    await slipway.client.createProject({ body: { name, folder } });
    await slipway.client.createStack({ body: { project: name, name: "dev" } });
  }
  for (const version of ["v1", "v2"]) {
    writeFileSync(path.join(slipway.projects, "steady", "index.js"), program(version));
    expect(await run("steady", "update")).toMatchObject({ status: "succeeded" });
  }
});

afterAll(() => slipway.stop());

function stack(project: string) {
  return { organisation: "default", project, stack: "dev" };
}

function run(project: string, operation: DeploymentOperation): Promise<Deployment> {
  return slipway.client.requestDeployment({
    params: stack(project),
    query: { wait: WAIT_SECONDS },
    body: { operation },
  });
}

/** Answers what `work` did, and fails when that took longer than a person waits before wondering. */
async function soon<T>(what: string, work: () => Promise<T>): Promise<T> {
  const began = performance.now();
  const result = await work();
  expect(performance.now() - began, what).toBeLessThan(ANSWER_WITHIN_MS);
  return result;
}

/** Ends what a test has requested, the newest first, so that nothing of it runs on. */
async function cancelAll(project: string): Promise<void> {
  const { items } = await slipway.client.listStackDeployments({ params: stack(project) });
  for (const { id, finishedAt } of items) {
    if (finishedAt !== null) continue;
    await slipway.client.cancelDeployment({ params: { id } }).catch((error: unknown) => {
      // It may have ended in between.
      if (!(error instanceof ProblemError && error.code === "conflict")) throw error;
    });
    await slipway.client.getDeployment({ params: { id }, query: { wait: WAIT_SECONDS } });
  }
}

interface Trigger {
  operation: DeploymentOperation;
  verb: string;
  subcommand?: string;
  args?: readonly string[];
  /** Opens the dialog from the stack's page and submits it. */
  press: (page: Page) => Promise<void>;
}

const dialog = (page: Page, button: string | RegExp): Promise<void> =>
  page.getByRole("dialog").getByRole("button", { name: button, exact: true }).click();
const more = async (page: Page, item: string): Promise<void> => {
  await page.getByRole("button", { name: "More actions" }).click();
  await page.getByRole("menuitem", { name: item }).click();
};

/** Each operation with its command and its way through the console; destroy last. */
const TRIGGERS: readonly Trigger[] = [
  {
    operation: "preview",
    verb: "preview",
    press: async (page) => {
      await page.getByRole("button", { name: "Preview" }).click();
      await dialog(page, "Preview");
    },
  },
  {
    operation: "refresh",
    verb: "refresh",
    press: async (page) => {
      await more(page, "Refresh…");
      await dialog(page, "Refresh");
    },
  },
  {
    operation: "detect-drift",
    verb: "drift",
    subcommand: "run",
    press: async (page) => {
      await more(page, "Check for drift…");
      await dialog(page, "Check");
    },
  },
  {
    operation: "remediate-drift",
    verb: "drift",
    subcommand: "remediate",
    press: async (page) => {
      await more(page, "Undo drift…");
      await dialog(page, "Undo drift");
    },
  },
  {
    operation: "update",
    verb: "deploy",
    press: async (page) => {
      await page.getByRole("button", { name: "Deploy" }).click();
      await dialog(page, "Deploy");
    },
  },
  {
    operation: "rollback",
    verb: "rollback",
    press: async (page) => {
      await page.getByRole("button", { name: "Roll back" }).click();
      await dialog(page, /^Roll back to release \d+$/);
    },
  },
  {
    operation: "destroy",
    verb: "destroy",
    args: ["--yes"],
    press: async (page) => {
      await more(page, "Destroy…");
      await page.getByRole("dialog").getByRole("textbox").fill("steady/dev");
      await dialog(page, "Destroy");
    },
  },
];

test("onboarding 6: every operation of the API has a verb of the CLI, and cancel has one too", () => {
  expect(TRIGGERS.map((one) => one.operation).sort()).toEqual([...DeploymentOperation.options].sort());
  for (const { verb } of TRIGGERS) expect(Object.keys(COMMANDS)).toContain(verb);
  expect(Object.keys(COMMANDS)).toContain("cancel");
  expect(endpoints.cancelDeployment.path).toBe("/v1/deployments/:id/cancel");
});

test("onboarding 6 and 9: each trigger yields a deployment within 5 s through the API", async () => {
  for (const { operation } of TRIGGERS) {
    const made = await soon(operation, () =>
      slipway.client.requestDeployment({ params: stack("steady"), body: { operation } }),
    );
    expect(made).toMatchObject({ operation, requestedBy: "owner", cause: "request" });
  }
  await cancelAll("steady");
});

test("onboarding 6 and 9: each trigger yields a deployment within 5 s through the CLI", async () => {
  for (const { operation, verb, subcommand, args = [] } of TRIGGERS) {
    const command = subcommand === undefined ? [verb] : [verb, subcommand];
    const ran = await soon(verb, () =>
      slipway.cli([...command, "-s", "steady/dev", "--no-wait", "--json", ...args]),
    );
    expect(ran).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(ran.stdout)).toMatchObject({ operation, project: "steady" });
  }
  await cancelAll("steady");
});

trial("onboarding 6 and 9: each trigger yields a deployment within 5 s through a button", async (context) => {
  needsBrowser(context);
  const browser: Browser = await openBrowser();
  try {
    const page = await signedIn(browser, slipway);
    for (const { operation, press } of TRIGGERS) {
      await page.goto(`http://localhost:${slipway.port}/stacks/default/steady/dev`);
      await page.getByRole("button", { name: "Deploy" }).waitFor();
      await soon(operation, async () => {
        await press(page);
        await page.waitForURL(/\/deployments\/[0-9a-f-]{36}$/);
      });
      const id = page.url().slice(-36);
      expect(await slipway.client.getDeployment({ params: { id } })).toMatchObject({
        operation,
        requestedBy: "owner",
      });
    }
  } finally {
    await browser.close();
    await cancelAll("steady");
  }
});

test("onboarding 6: a running deployment is cancelled by API, CLI and button alike", async (context) => {
  needsBrowser(context);
  const browser = await openBrowser();
  try {
    const page = await signedIn(browser, slipway);
    const ways: Record<string, (id: string) => Promise<unknown>> = {
      API: (id) => slipway.client.cancelDeployment({ params: { id } }),
      CLI: (id) => slipway.cli(["cancel", id, "--no-wait"]),
      button: async (id) => {
        await page.goto(`http://localhost:${slipway.port}/deployments/${id}`);
        await page.getByRole("button", { name: "Cancel" }).click();
      },
    };
    for (const [way, cancel] of Object.entries(ways)) {
      const { id } = await slipway.client.requestDeployment({
        params: stack("endless"),
        body: { operation: "update" },
      });
      for await (const { body } of slipway.client.followEvents(id)) {
        if (body.type === "resource") break;
      }
      await cancel(id);
      const ended = await slipway.client.getDeployment({ params: { id }, query: { wait: WAIT_SECONDS } });
      expect(ended, way).toMatchObject({ status: "cancelled" });
    }
  } finally {
    await browser.close();
  }
});

test("onboarding 9: what cannot be done is refused within 5 s, with the reason and what to do instead", async () => {
  const nobody = `http://127.0.0.1:${await freePort()}`;
  const refusals: [args: string[], code: number, says: RegExp][] = [
    [["rollback", "-s", "fresh/dev"], 3, /no good release before the current one[\s\S]*→ /],
    [["deploy", "-s", "fresh/nowhere"], 3, /no stack default\/fresh\/nowhere[\s\S]*→ /],
    [["deploy", "-s", "nothing/dev"], 3, /no stack default\/nothing\/dev[\s\S]*→ /],
    [["cancel", "-s", "fresh/dev"], 3, /No deployment of fresh\/dev is queued or running[\s\S]*→ /],
    [["destroy", "-s", "fresh/dev"], 2, /--yes/],
    [["deploy", "-s", "fresh/dev", "--server", nobody], 5, /does not answer[\s\S]*npm start/],
  ];
  for (const [args, code, says] of refusals) {
    const ran = await soon(args.join(" "), () => slipway.cli(args));
    expect(ran.stderr).toMatch(says);
    expect(ran).toMatchObject({ code, stdout: "" });
  }
  const problem = await soon("rollback", () =>
    run("fresh", "rollback").then(
      () => null,
      (error: unknown) => error,
    ),
  );
  expect(problem).toMatchObject({ code: "release_not_found", remedy: expect.stringMatching(/./) });
});

test("onboarding 9: the first failing line tops the outcome in the CLI and the page of the deployment", async (context) => {
  const ran = await slipway.cli(["deploy", "-s", "boom/dev"]);
  const line = "index.js:4: Error: the moon is in the wrong house";
  expect(ran.code).toBe(1);
  const outcome = ran.stdout.slice(ran.stdout.lastIndexOf("\n✗ ") + 1).split("\n");
  expect(outcome[0]).toBe(`✗ ${line}.`);
  expect(outcome[1]).toMatch(/^→ /);
  expect(ran.stdout).not.toContain("ended with 255");

  needsBrowser(context);
  const [failed] = (await slipway.client.listStackDeployments({ params: stack("boom") })).items;
  expect(failed?.failure?.detail).toBe(`${line}.`);
  const browser = await openBrowser();
  try {
    const page = await signedIn(browser, slipway);
    await page.goto(`http://localhost:${slipway.port}/deployments/${failed?.id}`);
    const alert = page.getByRole("alert").filter({ hasText: line });
    await alert.waitFor();
    const steps = page.getByText("gates-before").first();
    const [top, below] = await Promise.all([alert.boundingBox(), steps.boundingBox()]);
    expect((top?.y ?? Infinity) + (top?.height ?? 0)).toBeLessThan(below?.y ?? 0);
    expect(top?.y).toBeLessThan(450);
  } finally {
    await browser.close();
  }
});

test("onboarding 10: what failed is kept with its log and its files, and is shown each time but never tried again by itself", async () => {
  const { id: stackId } = await slipway.client.getStack({ params: stack("boom") });
  const kept = path.join(slipway.dataDir, "failures", stackId);
  for (const round of ["first", "second", "third"]) {
    const source = program(round, THROWS);
    writeFileSync(path.join(slipway.projects, "boom", "index.js"), source);
    const failed = await run("boom", "update");
    expect(failed).toMatchObject({ status: "failed", attempts: 1, failure: { code: "preview_failed" } });
    // The worker moves the folder once the containment is empty, when the deployment has ended already.
    await eventually(`the files of the ${round} failure are kept`, KEPT_WITHIN_MS, () => {
      const file = path.join(kept, "source", "index.js");
      return existsSync(file) && readFileSync(file, "utf8") === source;
    });
    const log = await slipway.cli(["logs", failed.id]);
    expect(log.stdout).toContain("the moon is in the wrong house");
  }
  const before = await slipway.client.listStackDeployments({ params: stack("boom") });
  await sleep(LONG_ENOUGH_FOR_A_RETRY_MS);
  const after = await slipway.client.listStackDeployments({ params: stack("boom") });
  expect(after.items).toEqual(before.items);
  expect(after.items.every((one) => one.attempts === 1 && one.cause === "request")).toBe(true);
});

const STRICT: readonly { text: string; line: number; key: string; near?: string }[] = [
  { text: "gates: []\nservces: {}\n", line: 2, key: "servces", near: "services" },
  {
    text: "services:\n  api:\n    path: api\n    artefact: dist\n    artifact: dist\n",
    line: 4,
    key: "services.api.artefact",
    near: "artifact",
  },
  {
    text: "gates:\n  - name: ok\n    phase: after\n    comand: [node]\n    command: [node]\n",
    line: 4,
    key: "gates.0.comand",
    near: "command",
  },
  {
    text: "gates:\n  - name: ok\n    phase: after\n    http:\n      url: http://x/\n      expectstatus: 200\n",
    line: 6,
    key: "gates.0.http.expectstatus",
    near: "expectStatus",
  },
  { text: "# a comment\n\ninstal: {}\n", line: 3, key: "instal", near: "install" },
  { text: "services:\n  api:\n    path: 7\n    artifact: dist\n", line: 3, key: "services.api.path" },
  { text: "services:\n  api:\n    path: ../out\n    artifact: d\n", line: 3, key: "services.api.path" },
  { text: "gates:\n  - name: ok\n    phase: later\n    command: [a]\n", line: 3, key: "gates.0.phase" },
];

test.for(STRICT)(
  "onboarding 8: $key at line $line of slipway.yaml is named by file, line and nearest key, in API and CLI",
  async ({ text, line, key, near }) => {
    writeFileSync(path.join(slipway.projects, "strict", "slipway.yaml"), text);
    const thrown: unknown = await run("strict", "update").catch((error: unknown) => error);
    if (!(thrown instanceof ProblemError)) throw thrown;
    expect(thrown.code).toBe("slipway_yaml_invalid");
    const issue = thrown.problem.issues?.find((one) => one.message.includes(key));
    expect(issue?.path).toBe(`slipway.yaml:${line}`);
    if (near !== undefined) expect(issue?.message).toBe(`unknown key '${key}'; did you mean '${near}'?`);
    const ran = await slipway.cli(["deploy", "-s", "strict/dev"]);
    expect(ran).toMatchObject({ code: 8, stdout: "" });
    expect(ran.stderr).toContain(`slipway.yaml:${line}: `);
    expect(ran.stderr).toContain(key);
    if (near !== undefined) expect(ran.stderr).toContain(`did you mean '${near}'?`);
  },
);
