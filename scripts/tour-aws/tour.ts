import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { z } from "zod";
import { VALIDATION_GROUPS } from "../../automation/src/contract/aws/validation.ts";
import type { Console } from "./console.ts";
import { done, type Person } from "./people.ts";
import { edit, PROJECT } from "./project.ts";
import { readersOf } from "./readers.ts";
import { reportLine, tasksOf } from "./report.ts";
import { madeUpSecrets } from "./secrets.ts";

const POLL_MS = 500;
const ENDS_WITHIN_MS = 900_000;
const SLIPWAY = new URL("../../automation/bin/slipway.mjs", import.meta.url).pathname;
/** Chapters of the plan; from the first one on it is about production. */
const FIRST_OF_PRODUCTION = 18;
const OF_DOMAINS = 7;
const OF_ROLLBACK = 14;
/** What the command prints of the steps of the update that it asks for. */
const OF_DEPLOYMENT = /^( *\||▸|✓ (?!update)| +✓|$)/;
/** A row of the summary's table of validations. */
const VALIDATED = new RegExp(`^\\| (${VALIDATION_GROUPS.join("|")}) \\| (\\d+) \\| (\\d+) \\|$`);

/** Whom and what the tour is made with. */
export interface TourBed {
  folder: string;
  url: string;
  owner: Person;
  /** Have no part in what is deployed. */
  ann: Person;
  ben: Person;
  /** Null: this machine has no browser. */
  console: Console | null;
  /** `host:port` to which names of production lead, which the stand-in alone knows. */
  connectTo: Readonly<Record<string, string>>;
  /** For the command line of whoever owns the stacks. */
  cliEnv: Readonly<Record<string, string>>;
  say(line: string): void;
}

const [TEST, PRODUCTION] = [stackOf("test"), stackOf("production")];

/** Takes `test` from nothing to a validated release, production to the second one with sign-off and approval, and breaks a third. Throws as soon as something is not as it should be. */
export async function tour(bed: TourBed): Promise<void> {
  const { owner, folder, say } = bed;
  await prepare(bed);

  say("\n1. test, from nothing to a validated release");
  await release(bed, { message: "first" });
  await toldValidation(bed, TEST);

  say("\n2. the secrets of test, typed by nobody");
  await secrets(bed, ["populate", "--stack", `${PROJECT}/test`], JSON.stringify(madeUpSecrets()));
  await seen(bed, `/stacks/default/${PROJECT}/test`, "good");

  say("\n3. a second release, to test and then to production");
  edit(folder, "frontend/strategy-desk/index.html", (text) =>
    text.replace(/<title>.*<\/title>/, "<title>Strategy desk, second release</title>"),
  );
  const second = await release(bed, { message: "second" });
  const live = await promote(bed);
  await toldValidation(bed, PRODUCTION);
  await fillProduction(bed);

  say("\n4. a third release whose functions do not work");
  edit(folder, "services/strategy-api/src/functions/function-health.ts", (text) =>
    text.replace('? "failing" : "ok"', '? "failing" : "failing"'),
  );
  await release(bed, { message: "broken", options: { skipTests: true } }, "rolled_back");
  await seen(bed, `/stacks/default/${PROJECT}/test`, "good");

  say("\nWhat the audit log has of it:");
  const audit = await done(owner.ask("GET", `/v1/audit?project=${PROJECT}&limit=200`));
  const actions = (audit.items as { action: string; principal: string; at: string }[]).filter(({ action }) =>
    /^(release|readiness|secret\.put|approval|deployment\.(rolled_back|succeeded|failed))/.test(action),
  );
  for (const { at, action, principal } of actions.reverse()) say(`   ${at}  ${action}  ${principal}`);
  await seen(bed, "/audit", "deployment.rolled_back");

  say("\nThe tasks of the plan, by what is recorded of these releases:");
  for (const line of await report(owner, { second, live })) say(`   ${line}`);
}

/** Who may do what: production takes nothing but what is good on test, signed off and approved by somebody else. */
async function prepare({ owner, folder }: TourBed): Promise<void> {
  await done(owner.ask("POST", "/v1/projects", { name: PROJECT, folder }));
  for (const name of ["test", "production"])
    await done(owner.ask("POST", "/v1/stacks", { project: PROJECT, name }));
  const order = [{ stack: "test" }, { stack: "production", onlyPromoted: true }];
  await done(owner.ask("PUT", `/v1/projects/default/${PROJECT}/environments`, { stacks: order }));
  await done(owner.ask("PUT", `${PRODUCTION}/tags`, { tags: { environment: "production" } }));
  // What a stack from nothing cannot have before its first release.
  const settings = { required: true, manual: [], without: ["secrets", "backups", "alarms", "way-back"] };
  await done(owner.ask("PUT", `${PRODUCTION}/readiness/settings`, settings));
}

/** Takes what is good on test to production, which waits for a vote on its sealed plan and for a sign-off of what it brings. Answers the release that it made. */
async function promote(bed: TourBed): Promise<number> {
  const { owner, ann, say } = bed;
  const request = { operation: "update", promote: { stack: "test" } };
  const { id } = await done(owner.ask("POST", `${PRODUCTION}/deployments`, request));
  say(`   production does not begin: ${await waits(owner, id)}`);
  await seen(bed, `/deployments/${String(id)}`, "waiting for approval");
  await seen(bed, `/stacks/default/${PROJECT}/production?tab=readiness`, "Checklist");
  await approve(bed, id);
  await waits(owner, id);
  say("   and it still waits");
  await seen(bed, `/deployments/${String(id)}`, "waiting for approval");
  await done(ann.ask("POST", `${PRODUCTION}/readiness/sign-offs`, { comment: "walked through test" }));
  say("   ann signs off what it brings");
  return told(bed, String(id), "succeeded");
}

/** Why a deployment waits, once it does. */
async function waits(owner: Person, id: unknown): Promise<string> {
  const { steps } = Ended.parse(await until(owner, String(id), (one) => one.status === "waiting_approval"));
  return steps.find(({ name }) => name === "approval")?.detail ?? "it waits";
}

/** Has somebody who has no part in it approve what a deployment is sealed with. */
async function approve({ owner, ben, say }: TourBed, id: unknown): Promise<void> {
  const deployment = `/v1/deployments/${String(id)}`;
  const { seal } = await done(owner.ask("GET", `${deployment}/approval`));
  await done(ben.ask("POST", `${deployment}/votes`, { verdict: "approve", seal }));
  say("   ben approves the sealed plan");
}

/** Fills the secrets of production. Its functions get other versions for that, so that it waits for a vote as every change does, and for no sign-off: it brings nothing new. */
async function fillProduction(bed: TourBed): Promise<void> {
  bed.say("\n   the secrets of production");
  const stack = ["--stack", `${PROJECT}/production`];
  await secrets(bed, ["populate", "--no-refresh", ...stack], JSON.stringify(madeUpSecrets()));
  const { id } = await done(bed.owner.ask("POST", `${PRODUCTION}/secrets/refresh`));
  bed.say(`   its functions do not get them yet: ${await waits(bed.owner, id)}`);
  await approve(bed, id);
  await told(bed, String(id), "succeeded");
  const readers = await readersOf(bed.owner, PRODUCTION, bed.connectTo);
  for (const [slot, count] of Object.entries(readers))
    bed.say(`   ${slot.padEnd(9)} read by ${String(count)} function${count === 1 ? "" : "s"}, the newest`);
}

/** Runs `slipway secrets` as whoever owns the stacks, and tells what it prints but for the steps of a deployment. */
async function secrets({ cliEnv, say }: TourBed, args: readonly string[], input = ""): Promise<void> {
  const run = await execa(process.execPath, [SLIPWAY, "secrets", ...args], {
    env: { ...cliEnv },
    input,
    all: true,
  });
  for (const line of run.all.split("\n").filter((one) => !OF_DEPLOYMENT.test(one))) say(`   ${line}`);
}

function stackOf(name: string): string {
  return `/v1/stacks/default/${PROJECT}/${name}`;
}

/** Deploys the folder as it is to test, and tells how that went. Answers the release that it made. */
async function release(
  bed: TourBed,
  request: Record<string, unknown>,
  expected = "succeeded",
): Promise<number> {
  const asked = bed.owner.ask("POST", `${TEST}/deployments`, { operation: "update", ...request });
  return told(bed, String((await done(asked)).id), expected);
}

const Ended = z.object({
  status: z.string(),
  release: z.number().nullable(),
  failure: z.object({ detail: z.string() }).nullable(),
  steps: z.array(z.object({ name: z.string(), state: z.string(), detail: z.string().nullable() })),
  gates: z.array(z.object({ name: z.string(), verdict: z.string(), detail: z.string() })),
});

/** Tells each step of a deployment, once it has ended, what serves, and what the console shows of it. Answers its release. */
async function told(bed: TourBed, id: string, expected: string): Promise<number> {
  const { owner, say } = bed;
  const ended = Ended.parse(await until(owner, id, ({ finishedAt }) => finishedAt !== null));
  for (const { name, state, detail } of ended.steps)
    if (state !== "skipped") say(`   ${name.padEnd(12)} ${state}${detail === null ? "" : `  ${detail}`}`);
  for (const { name, verdict, detail } of ended.gates)
    say(`   gate ${name}: ${verdict}${detail === "" ? "" : `  ${detail}`}`);
  say(`   => ${ended.status}${ended.failure === null ? "" : `: ${ended.failure.detail}`}`);
  if (ended.status !== expected) throw new Error(`the tour expects that it is ${expected}`);
  await seen(bed, `/deployments/${id}`, expected.replace("_", " "));
  return ended.release ?? 0;
}

/** Names a page of the console, and what it shows when somebody looks. */
async function seen({ url, console, say }: TourBed, path: string, text: string): Promise<void> {
  if (console === null) return say(`   page: ${url}${path}`);
  say(`   seen in the console: ${url}${path}: "${await console.see(path, text)}", ${text}`);
}

/** Tells the groups of the newest validation of a stack. */
async function toldValidation({ owner, say }: TourBed, stack: string): Promise<void> {
  const { text } = await done(owner.ask("GET", `${stack}/documents/summary`));
  for (const line of String(text).split("\n")) {
    const [row, group = "", passed = "", failed = ""] = VALIDATED.exec(line) ?? [];
    if (row !== undefined) say(`   validated ${group.padEnd(12)} ${passed} passed, ${failed} failed`);
  }
}

/**
 * The tasks of the plan with their results: those about production and about domains, which test has not, by the release that went there; those about going back by the newest release of test, all others by the
 * one that went to production.
 */
async function report(owner: Person, releases: { second: number; live: number }): Promise<string[]> {
  const read = async (stack: string, query = "") => {
    const { text, release } = await done(owner.ask("GET", `${stack}/documents/coverage${query}`));
    return {
      tasks: tasksOf(String(text)),
      name: `${stack.split("/").at(-1) ?? ""}, release ${String(release)}`,
    };
  };
  const good = await read(TEST, `?release=${String(releases.second)}`);
  const [back, live] = [await read(TEST), await read(PRODUCTION, `?release=${String(releases.live)}`)];
  return good.tasks.map(({ task }, at) => {
    const chapter = Number.parseInt(task, 10);
    const isOfProduction = chapter === OF_DOMAINS || chapter >= FIRST_OF_PRODUCTION;
    const { tasks, name } = isOfProduction ? live : chapter === OF_ROLLBACK ? back : good;
    const found = tasks[at];
    if (found?.task !== task) throw new Error("the documents name different tasks");
    return reportLine(found, name);
  });
}

async function until(
  owner: Person,
  id: string,
  isIt: (deployment: Record<string, unknown>) => boolean,
): Promise<Record<string, unknown>> {
  const deadline = performance.now() + ENDS_WITHIN_MS;
  for (;;) {
    const deployment = await done(owner.ask("GET", `/v1/deployments/${id}`));
    if (isIt(deployment)) return deployment;
    if (deployment.finishedAt !== null) throw new Error(`it ended: ${JSON.stringify(deployment.failure)}`);
    if (performance.now() > deadline)
      throw new Error(`deployment ${id} does not come on: ${JSON.stringify(deployment)}`);
    await sleep(POLL_MS);
  }
}
