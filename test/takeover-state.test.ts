import { sql } from "kysely";
import { pino } from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeAttemptToken } from "../automation/src/access/attempt-tokens.ts";
import type { Claim } from "../automation/src/attempts/store.ts";
import { startAttempt } from "../automation/src/attempts/store.ts";
import { insertSteps } from "../automation/src/deployments/completion.ts";
import { takeOverLost } from "../automation/src/pipeline/take-over.ts";
import type { TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import type { StateClient } from "./helpers/state-client.ts";
import {
  created,
  namesOf,
  pendingOf,
  queueDeployment,
  stackClient,
  testClaimer,
  updateAudit,
} from "./helpers/state-client.ts";

let api: TestApi;
let claim: Awaited<ReturnType<typeof testClaimer>>;
beforeAll(async () => {
  api = await startTestApi();
  claim = await testClaimer(api);
});
afterAll(() => api.close());

/** A deployment whose attempt has started `step`, and the token of its engine. */
async function attemptAt(
  name: string,
  step: "preview" | "update",
): Promise<{ client: StateClient; claimed: Claim; token: string }> {
  const client = await stackClient(api, name);
  await queueDeployment(api, client.stackId);
  const claimed = await claim();
  if (claimed === null) throw new Error("nothing could be claimed");
  const token = await api.db.transaction().execute(async (trx) => {
    await startAttempt(trx, claimed.attemptId);
    await insertSteps(trx, claimed.deploymentId, [step]);
    return makeAttemptToken(trx, { attemptId: claimed.attemptId, mayChange: step === "update" });
  });
  await sql`
    update deployment_steps set state = 'running', started_at = now() where deployment_id = ${claimed.deploymentId}
  `.execute(api.db);
  return { client, claimed, token };
}

/** Lets the lease of an attempt run out and has it taken over. */
async function lose({ stackId }: Claim): Promise<void> {
  await sql`update stack_writers set expires_at = now() where stack_id = ${stackId}`.execute(api.db);
  const { db, keyring } = api.dependencies;
  const logger = pino({ level: "silent" });
  expect(await takeOverLost({ db, keyring, logger, dataDir: api.dataDir })).toBe(1);
}

test("what an attempt's engine had recorded is the state once the attempt is taken over, and what it writes later is refused", async () => {
  const { client, claimed, token } = await attemptAt("lost", "update");
  const update = await client.begin({ token });
  const [one, two] = [created("lost", 1, "one"), created("lost", 2, "two")];
  expect((await update.append(one)).status).toBe(204);
  expect((await update.append([two[0]])).status).toBe(204);
  await lose(claimed);

  const { body } = await api.ask("GET", `/v1/deployments/${claimed.deploymentId}`);
  expect(body).toMatchObject({
    status: "interrupted",
    failure: {
      code: "worker_lost",
      detail: expect.stringContaining("1 done, 0 not done, 1 unknown (create two)."),
    },
  });
  expect(await namesOf(api, client.stackId)).toEqual(["one"]);
  expect(await pendingOf(api, client.stackId)).toEqual(["two"]);
  expect(await updateAudit(api, client.subject)).toEqual(["update.started", "update.expired"]);

  // A runner that a partition kept alive.
  for (const late of [await update.append([two[1]]), await update.complete(), await update.renew()])
    expect(late.status, late.text).toBe(403);
  const again = await client.ask("GET", "", { authorization: `token ${token}` });
  expect(again.status).toBe(401);
  expect(await pendingOf(api, client.stackId)).toEqual(["two"]);

  // The stack is free at once, although a CLI's own lease would have lasted for five minutes.
  await queueDeployment(api, client.stackId);
  expect(await claim()).toMatchObject({ stackId: client.stackId, epoch: claimed.epoch + 1 });
});

test("the engine of a preview cannot change the state, and an attempt lost in its preview runs again", async () => {
  const { client, claimed, token } = await attemptAt("look", "preview");
  await expect(client.begin({ token })).rejects.toThrow(/not|may only preview/);
  await client.begin({ token, kind: "preview", dryRun: true });
  await lose(claimed);
  const { body } = await api.ask("GET", `/v1/deployments/${claimed.deploymentId}`);
  expect(body).toMatchObject({ status: "queued", failure: null });
  expect(await namesOf(api, client.stackId)).toEqual([]);
  expect(await claim()).toMatchObject({ deploymentId: claimed.deploymentId, attempt: 2 });
});
