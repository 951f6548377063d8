/**
 * `npm run tour:aws [-- --stay]`: the AWS target from nothing to a release that rolls itself back, on a stand-in for AWS on this machine. Needs python3 and takes no account. With --stay Slipway goes on
 * until Ctrl-C, so that the console and the audit log can be looked at.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { startAws } from "../test/helpers/aws.ts";
import { installAwsProvider } from "../test/helpers/aws-provider.ts";
import { freePort, startSlipwayIn } from "../test/helpers/running.ts";
import type { Person } from "./tour-aws/people.ts";
import { done, makePerson, personWith } from "./tour-aws/people.ts";
import { edit, PROJECT, shareDependencies, writeDesk } from "./tour-aws/project.ts";

const REPOSITORY = path.resolve(import.meta.dirname, "..");
const REGION = "eu-central-1";
const POLL_MS = 500;
const ENDS_WITHIN_MS = 900_000;
const VALIDATED = ["api"];
const { values } = parseArgs({ options: { stay: { type: "boolean", default: false } } });
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const aws = await startAws();
if ("missing" in aws) {
  say(`The tour cannot be made here: ${aws.missing}`);
  process.exit(1);
}
const home = mkdtempSync(path.join(tmpdir(), "slipway-tour-aws-"));
const [dataDir, folder] = [path.join(home, "data"), path.join(home, PROJECT)];
mkdirSync(dataDir, { mode: 0o700 });
writeDesk(folder, VALIDATED);
shareDependencies(dataDir, folder);
installAwsProvider(path.join(dataDir, "pulumi-home"));
const ofAws = { ...aws.env, AWS_REGION: REGION };
const slipway = await startSlipwayIn(REPOSITORY, {
  dataDir,
  port: await freePort(),
  env: { ...ofAws, SLIPWAY_ENGINE_ENV: Object.keys(ofAws).join(","), SLIPWAY_PROJECT_ROOTS: home },
});
const interrupted = new Promise<"interrupted">((resolve) =>
  process.once("SIGINT", () => resolve("interrupted")),
);
try {
  const owner = personWith(slipway.url, slipway.token());
  say(`Slipway with a stand-in for AWS: ${slipway.url} (token: ${path.join(dataDir, "owner-token")})`);
  const made = makePerson(slipway.url, owner, "ann", "admin").then((ann) => tour(owner, ann));
  const ended = await Promise.race([made, interrupted]);
  if (values.stay && ended !== "interrupted") {
    say("It stays until Ctrl-C.");
    await interrupted;
  }
} finally {
  await slipway.interrupt();
  await aws.stop();
  rmSync(home, { recursive: true, force: true });
}

async function tour(owner: Person, ann: Person): Promise<void> {
  const [test, production] = [stackOf("test"), stackOf("production")];
  await done(owner.ask("POST", "/v1/projects", { name: PROJECT, folder }));
  for (const name of ["test", "production"])
    await done(owner.ask("POST", "/v1/stacks", { project: PROJECT, name }));
  const order = [{ stack: "test" }, { stack: "production", onlyPromoted: true }];
  await done(owner.ask("PUT", `/v1/projects/default/${PROJECT}/environments`, { stacks: order }));
  await done(owner.ask("PUT", `${production}/tags`, { tags: { environment: "production" } }));
  // What the tour does not fill, and a first release to production cannot have.
  const settings = { required: true, manual: [], without: ["secrets", "backups", "alarms", "way-back"] };
  await done(owner.ask("PUT", `${production}/readiness/settings`, settings));

  say("\n1. test, from nothing to a validated release");
  await release(owner, test, { message: "first" });

  say("\n2. a second release, to test and then to production");
  edit(folder, "frontend/strategy-desk/index.html", (text) =>
    text.replace(/<title>.*<\/title>/, "<title>Strategy desk, second release</title>"),
  );
  await release(owner, test, { message: "second" });
  const promote = { operation: "update", promote: { stack: "test" } };
  const refused = await owner.ask("POST", `${production}/deployments`, promote);
  say(`   production refuses it: ${String(refused.status)} ${String(refused.body.code)}`);
  await done(ann.ask("POST", `${production}/readiness/sign-offs`, { comment: "walked through test" }));
  say("   ann signs it off");
  const { id } = await done(owner.ask("POST", `${production}/deployments`, promote));
  await until(owner, String(id), (one) => one.status === "waiting_approval");
  say("   it waits for approval");
  const { seal } = await done(owner.ask("GET", `/v1/deployments/${String(id)}/approval`));
  await done(ann.ask("POST", `/v1/deployments/${String(id)}/votes`, { verdict: "approve", seal }));
  say("   ann approves the sealed plan");
  await told(owner, String(id), "succeeded");

  say("\n3. a third release whose functions do not work");
  edit(folder, "services/strategy-api/src/functions/function-health.ts", (text) =>
    text.replace('? "failing" : "ok"', '? "failing" : "failing"'),
  );
  await release(owner, test, { message: "broken", options: { skipTests: true } }, "rolled_back");

  say("\nWhat the audit log has of it:");
  const audit = await done(owner.ask("GET", `/v1/audit?project=${PROJECT}&limit=200`));
  const actions = (audit.items as { action: string; principal: string; at: string }[]).filter(({ action }) =>
    /^(release|readiness|sign|deployment\.(approved|voted|rolled_back|succeeded|failed))/.test(action),
  );
  for (const { at, action, principal } of actions.reverse()) say(`   ${at}  ${action}  ${principal}`);
}

function stackOf(name: string): string {
  return `/v1/stacks/default/${PROJECT}/${name}`;
}

/** Deploys the folder as it is and tells how that went. */
async function release(
  owner: Person,
  stack: string,
  request: Record<string, unknown>,
  expected = "succeeded",
): Promise<void> {
  const { id } = await done(owner.ask("POST", `${stack}/deployments`, { operation: "update", ...request }));
  await told(owner, String(id), expected);
}

/** Tells each step of a deployment, once it has ended, and what serves. */
async function told(owner: Person, id: string, expected: string): Promise<void> {
  const ended = await until(owner, id, ({ finishedAt }) => finishedAt !== null);
  for (const { name, state, detail } of ended.steps as {
    name: string;
    state: string;
    detail: string | null;
  }[])
    if (state !== "skipped") say(`   ${name.padEnd(12)} ${state}${detail === null ? "" : `  ${detail}`}`);
  const { failure } = ended as { failure: { detail: string } | null };
  say(`   => ${String(ended.status)}${failure === null ? "" : `: ${failure.detail}`}`);
  say(`   ${slipway.url}/deployments/${id}`);
  if (ended.status !== expected) throw new Error(`the tour expects that it is ${expected}`);
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
