import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AnswerBody, TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import { setRules } from "./helpers/approvals.ts";
import { endedWithin } from "./helpers/deployments.ts";
import type { LedgerProgram } from "./helpers/ledger-project.ts";
import { linesOf, register, writeLedgerProject } from "./helpers/ledger-project.ts";
import { packFilesOf, writePack } from "./helpers/policy-pack.ts";
import { trial } from "./helpers/trial.ts";
import { eventually } from "./helpers/waiting.ts";
import type { TestWorker } from "./helpers/worker.ts";
import { startWorkerOf } from "./helpers/worker.ts";

const WITHIN_MS = 120_000;
/** Versions with "bad" in them do not pass; of those with "mute" nothing is known. */
const gate = (version: string): string => `gates:
  - name: not-bad
    phase: after
    command: [${version.includes("mute") ? "no-such-program" : "node, -e, \"if (JSON.parse(process.env.SLIPWAY_OUTPUTS).version.includes('bad')) process.exit(1)\""}]
`;

let api: TestApi;
let worker: TestWorker;
beforeAll(async () => {
  api = await startTestApi();
  worker = await startWorkerOf(api);
});
afterAll(async () => {
  const code = await worker.stop();
  await api.close();
  expect(code, worker.output()).toBe(0);
});

interface Project {
  stack: string;
  ledger: string;
  /** Writes the project and asks for its update. */
  deploy(program: Partial<LedgerProgram> & { version: string }, body?: object): Promise<string>;
}

async function project(name: string): Promise<Project> {
  const ledger = path.join(api.root, `${name}.txt`);
  const folder = path.join(api.root, name);
  const write = (program: Partial<LedgerProgram> & { version: string }): void =>
    void writeLedgerProject(folder, name, { ledger, slipwayYaml: gate(program.version), ...program });
  write({ version: "v1" });
  const [stack = ""] = await register(api, name, folder);
  return {
    stack,
    ledger,
    deploy: async (program, body = {}) => {
      write(program);
      const answer = await api.ask("POST", `${stack}/deployments`, {
        body: { operation: "update", ...body },
      });
      expect(answer.status, answer.text).toBe(202);
      return answer.body.id;
    },
  };
}

const ended = (id: string): Promise<AnswerBody> => endedWithin(api, id, WITHIN_MS);
const until = (id: string, what: (now: AnswerBody) => boolean): Promise<AnswerBody> =>
  eventually(`deployment ${id} as expected`, WITHIN_MS, async () => {
    const { body } = await api.ask("GET", `/v1/deployments/${id}`);
    if (!what(body) && body.finishedAt !== null) throw new Error(`it has ended: ${JSON.stringify(body)}`);
    return what(body) ? body : undefined;
  });

const agree = (rollback: string, steps: readonly string[]): ReturnType<TestApi["ask"]> =>
  api.ask("POST", `/v1/deployments/${rollback}/consent`, { body: { steps } });
const decide = (held: string, decision: "keep" | "rollback"): ReturnType<TestApi["ask"]> =>
  api.ask("POST", `/v1/deployments/${held}/hold`, { body: { decision, reason: "somebody looked" } });
const stepsOf = (rollback: AnswerBody): { id: string; kind: string }[] =>
  (rollback.consent as { steps: { id: string; kind: string }[] }).steps;

test("gates without an answer hold a deployment: nothing is undone, and a person vouches for it or rolls it back", async () => {
  const { stack, deploy, ledger } = await project("mute");
  expect(await ended(await deploy({ version: "v1" })), worker.output()).toMatchObject({
    status: "succeeded",
    verification: "succeeded",
  });
  const kept = await deploy({ version: "v2-mute" });
  const held = await until(kept, (now) => now.verification === "held");
  expect(held).toMatchObject({
    status: "running",
    rolledBackBy: null,
    hold: { why: "undecided", onExpiry: "keep" },
  });
  const early = await api.ask("POST", `/v1/deployments/${kept}/cancel`);
  expect([early.status, early.body.code]).toEqual([409, "conflict"]);
  const answer = await api.ask("POST", `/v1/deployments/${kept}/hold`, {
    body: { decision: "keep", reason: "the measuring is broken, the site is not" },
  });
  expect(answer.body).toMatchObject({ status: "succeeded", verification: "succeeded", release: 2 });
  expect((await api.ask("GET", `${stack}/releases/2`)).body).toMatchObject({
    health: "good",
    acceptedBy: "owner",
  });

  const undone = await deploy({ version: "v3-mute" });
  await until(undone, (now) => now.verification === "held");
  await api.ask("POST", `/v1/deployments/${undone}/hold`, {
    body: { decision: "rollback", reason: "it is slow" },
  });
  const over = await ended(undone);
  expect(over).toMatchObject({ status: "rolled_back", verification: "rolled_back" });
  // Release 2 was kept by a person: it is not what was verified last.
  expect(await ended(String(over.rolledBackBy))).toMatchObject({ targetRelease: 1, requestedBy: "owner" });
  expect((await api.ask("GET", stack)).body).toMatchObject({
    sourceAhead: { deploymentId: undone, runsRelease: 4 },
  });
  expect(
    linesOf(ledger)
      .filter((line) => line.startsWith("finished"))
      .at(-1),
  ).toBe("finished update v1");
  const { body } = await api.ask("GET", `/v1/deployments/${undone}/verification`);
  expect(body.items.map((one) => one.state)).toEqual([
    "updating",
    "verifying",
    "held",
    "rolling_back",
    "rolled_back",
  ]);
});

trial(
  "a rollback past a contract migration waits for consent to exactly that; then it goes on, and begins with what was touched",
  async () => {
    const { deploy, ledger } = await project("contract");
    await ended(await deploy({ version: "v1" }));
    const bad = await deploy({
      version: "v2-bad",
      slipwayYaml: `${gate("v2-bad")}release: { schema: contract, level: 2, rollbackFloor: 2 }\n`,
    });
    const held = await until(bad, (now) => now.verification === "held");
    expect(held).toMatchObject({ hold: { why: "consent" } });
    const rollback = await until(String(held.rolledBackBy), (now) => now.status === "waiting_approval");
    const steps = stepsOf(rollback);
    expect(steps.map(({ kind }) => kind)).toEqual(["rollback-floor", "schema-contract"]);
    expect(linesOf(ledger).at(-1), "nothing was undone").toBe("finished update v2-bad");
    const give = (ids: string[]) => agree(rollback.id, ids);
    expect((await give(steps.slice(0, 1).map(({ id }) => id))).status).toBe(409);
    expect((await give(steps.map(({ id }) => id))).status).toBe(200);
    expect(await ended(bad), worker.output()).toMatchObject({
      status: "rolled_back",
      verification: "rolled_back",
    });
    const done = await ended(rollback.id);
    const stepOf = (name: string) => (done.steps as AnswerBody[]).find((step) => step.name === name);
    expect(stepOf("reconcile")).toMatchObject({ state: "succeeded" });
    expect(linesOf(ledger).at(-1)).toBe("finished update v1");
  },
);

trial(
  "a rollback that is cancelled in the middle finishes what it is at; the stack is frozen until somebody names it",
  async () => {
    const { stack, deploy, ledger } = await project("cancelled");
    await ended(await deploy({ version: "v1", texts: ["a", "b"], delayMs: 1_500 }));
    const bad = await deploy({ version: "v2-bad", texts: ["a", "b"], delayMs: 1_500 });
    const rolling = await until(bad, (now) => now.rolledBackBy !== null);
    const rollback = String(rolling.rolledBackBy);
    await eventually("the rollback is at work", WITHIN_MS, () =>
      linesOf(ledger).includes("started update v1"),
    );
    expect((await api.ask("POST", `/v1/deployments/${rollback}/cancel`)).status).toBe(202);
    expect(await ended(rollback)).toMatchObject({ status: "cancelled" });
    expect(await ended(bad)).toMatchObject({ status: "failed", verification: "rollback_failed" });
    const lines = linesOf(ledger).filter((line) => line.endsWith("update v1"));
    expect(lines.filter((line) => line.startsWith("finished"))).toHaveLength(
      lines.filter((line) => line.startsWith("started")).length,
    );
    expect((await api.ask("GET", stack)).body).toMatchObject({
      failedRollback: { deploymentId: bad, rollbackId: rollback },
    });
    const plain = await api.ask("POST", `${stack}/deployments`, { body: { operation: "update" } });
    expect([plain.status, plain.body.code]).toEqual([409, "rollback_failed"]);
    const named = await deploy({ version: "v3", texts: ["a", "b"] }, { acknowledge: bad });
    expect(await ended(named)).toMatchObject({ status: "succeeded" });
    expect((await api.ask("GET", stack)).body).toMatchObject({ failedRollback: null });
  },
);

trial(
  "a rollback that would delete what holds data deletes nothing until somebody agrees to that resource, by its name",
  async () => {
    const { stack, deploy, ledger } = await project("deletes");
    await setRules(api, stack, { rules: [], statefulTypes: ["ledger:index:*"] });
    await ended(await deploy({ version: "v1", texts: ["a"], distinct: true }));
    const bad = await deploy({ version: "v2-bad", texts: ["a", "vault"], distinct: true });
    const held = await until(bad, (now) => now.verification === "held");
    expect(held).toMatchObject({ hold: { why: "consent" } });
    const answer = await decide(bad, "keep");
    expect(answer.status, answer.text).toBe(200);
    expect(await ended(bad)).toMatchObject({ status: "failed", verification: "verification_failed" });
    expect(await ended(String(held.rolledBackBy))).toMatchObject({ status: "cancelled" });
    const deletions = () => linesOf(ledger).filter((line) => line.includes("delete"));
    expect(deletions()).toEqual([]);

    const { body: asked } = await api.ask("POST", `${stack}/deployments`, {
      body: { operation: "rollback", release: 1 },
    });
    const steps = stepsOf(await until(asked.id, (now) => now.status === "waiting_approval"));
    expect(steps).toEqual([
      {
        id: expect.stringMatching(/^delete urn:.*::vault$/),
        kind: "delete",
        urn: expect.any(String),
        detail: expect.stringContaining("Deletes vault (ledger:index:Entry)"),
      },
    ]);
    expect((await agree(asked.id, [`${steps[0]?.id}2`])).status).toBe(409);
    expect(deletions()).toEqual([]);
    expect(
      (
        await agree(
          asked.id,
          steps.map(({ id }) => id),
        )
      ).status,
    ).toBe(200);
    expect(await ended(asked.id), worker.output()).toMatchObject({ status: "succeeded", release: 3 });
    expect(deletions()).toEqual(["started delete vault", "finished delete vault"]);
  },
);

trial("what a first deployment created is taken away only after consent to each of it", async () => {
  const { stack, deploy, ledger } = await project("first");
  const settings = await api.ask("PUT", `${stack}/rollback-settings`, {
    body: { onFirstFailure: "destroyCreated" },
  });
  expect(settings.status, settings.text).toBe(200);
  const bad = await deploy({ version: "v1-bad", texts: ["a", "b"], distinct: true });
  const held = await until(bad, (now) => now.verification === "held");
  const removal = await until(String(held.rolledBackBy), (now) => now.status === "waiting_approval");
  expect(removal).toMatchObject({ operation: "destroy", cause: "automatic-rollback", causedBy: bad });
  const ids = stepsOf(removal).map(({ id }) => id);
  expect(ids.map((id) => id.replace(/ urn:.*::/, " "))).toEqual(["delete a", "delete b"]);
  expect((await agree(removal.id, ids.slice(0, 1))).status).toBe(409);
  expect(linesOf(ledger).join()).not.toContain("delete");
  expect((await agree(removal.id, ids)).status).toBe(200);
  expect(await ended(removal.id), worker.output()).toMatchObject({ status: "succeeded" });
  expect(await ended(bad)).toMatchObject({ status: "rolled_back", verification: "rolled_back" });
  expect(
    linesOf(ledger)
      .filter((line) => line.startsWith("finished delete"))
      .sort(),
  ).toEqual(["finished delete a", "finished delete b"]);
});

trial(
  "going back to a release with an older provider asks for consent to the step down, and names both versions",
  async () => {
    const { stack, deploy, ledger } = await project("steps-down");
    for (const [version, ...providerVersions] of [
      ["v1", "1.2.0", "1.10.0"],
      ["v2", "1.10.0", "1.2.0"],
    ] as const) {
      const done = await ended(await deploy({ version, providerVersions }));
      expect(done.status, JSON.stringify(done.failure)).toBe("succeeded");
    }
    const { body: asked } = await api.ask("POST", `${stack}/deployments`, {
      body: { operation: "rollback", release: 1 },
    });
    const steps = stepsOf(await until(asked.id, (now) => now.status === "waiting_approval"));
    expect(steps.map(({ id }) => id)).toEqual(["provider-step-down ledger 1.10.0 1.2.0"]);
    expect(linesOf(ledger).at(-1)).toBe("finished update v2");
    expect(
      (
        await agree(
          asked.id,
          steps.map(({ id }) => id),
        )
      ).status,
    ).toBe(200);
    expect(await ended(asked.id), worker.output()).toMatchObject({ status: "succeeded" });
    expect(linesOf(ledger).at(-1)).toBe("finished update v1");
  },
);

trial(
  "a mandatory policy that is newer than the release is told and does not stop an automatic rollback; one that is marked so does",
  async () => {
    const policies = "/v1/organisations/default/policies";
    const rollbackPast = async (name: string, holdsForRollbacks: boolean): Promise<AnswerBody> => {
      const { deploy } = await project(name);
      await ended(await deploy({ version: "v1", texts: ["a", "b"] }));
      const rule = await api.ask("POST", policies, {
        body: {
          kind: "required-tags",
          project: name,
          config: { types: { "ledger:*": ["owner"] } },
          holdsForRollbacks,
        },
      });
      expect(rule.status, rule.text).toBe(201);
      // Going back makes the second entry again, without the tag.
      const bad = await ended(await deploy({ version: "v2-bad", texts: ["a"] }));
      const rollback = await ended(String(bad.rolledBackBy));
      expect(bad.verification).toBe(holdsForRollbacks ? "rollback_failed" : "rolled_back");
      expect(rollback, worker.output()).toMatchObject(
        holdsForRollbacks
          ? { status: "failed", failure: { code: "policy_violation" } }
          : { status: "succeeded", failure: null },
      );
      return (await api.ask("GET", `/v1/deployments/${rollback.id}/policies`)).body;
    };
    const finding = { policy: "required-tags", level: "mandatory", urn: expect.stringMatching(/::b$/) };
    expect(await rollbackPast("policy-newer", false)).toMatchObject({
      mandatory: 0,
      reported: 1,
      items: [{ ...finding, outcome: "reported" }],
    });
    const audit = await api.ask("GET", "/v1/audit?action=policy.reported&limit=5");
    expect(audit.body.items).toMatchObject([
      { subject: "default/policy-newer/test", details: { reported: 1 } },
    ]);
    expect(await rollbackPast("policy-marked", true)).toMatchObject({
      mandatory: 1,
      reported: 0,
      items: [{ ...finding, outcome: "violated" }],
    });
  },
);

trial(
  "a newer pack that throws is told and an automatic rollback goes on without it; one that is marked to hold ends it before anything is touched",
  async () => {
    // It throws at what only the release gone back to has.
    const throwing = `[{ name: "fragile", description: "d", enforcementLevel: "mandatory",
      validateResource: (args) => { if (args.name === "b") throw new Error("boom"); } }]`;
    const files = packFilesOf(writePack(path.join(api.root, "fragile"), "fragile", throwing));
    const published = await api.ask("POST", "/v1/organisations/default/policy-packs", {
      body: { name: "fragile", version: "1.0.0", files },
    });
    expect(published.status, published.text).toBe(201);
    const rollbackPast = async (name: string, holdsForRollbacks: boolean) => {
      const { deploy, ledger } = await project(name);
      await ended(await deploy({ version: "v1", texts: ["a", "b"] }));
      const rule = await api.ask("POST", "/v1/organisations/default/policies", {
        body: { kind: "pack", pack: "fragile", version: "1.0.0", project: name, holdsForRollbacks },
      });
      expect(rule.status, rule.text).toBe(201);
      const bad = await ended(await deploy({ version: "v2-bad", texts: ["a"] }));
      expect(bad.rolledBackBy, JSON.stringify(bad.failure)).not.toBeNull();
      const rollback = await ended(String(bad.rolledBackBy));
      const { body: said } = await api.ask("GET", `/v1/deployments/${rollback.id}/policies`);
      return { bad, rollback, said, last: linesOf(ledger).at(-1) };
    };
    const told = await rollbackPast("fragile-newer", false);
    expect(told.rollback, worker.output()).toMatchObject({ status: "succeeded", failure: null });
    expect(told.bad).toMatchObject({ verification: "rolled_back" });
    expect(told.said).toMatchObject({
      mandatory: 0,
      reported: 1,
      items: [
        {
          pack: "fragile",
          policy: "policy_unchecked",
          outcome: "reported",
          message: expect.stringContaining("could not do its work"),
        },
      ],
    });
    const held = await rollbackPast("fragile-marked", true);
    expect(held.rollback).toMatchObject({ status: "failed", failure: { code: "policy_unchecked" } });
    expect(held.bad).toMatchObject({ verification: "rollback_failed" });
    expect(held.last, "the bad version did that last: nothing was undone").toBe("finished delete v1");
  },
);
