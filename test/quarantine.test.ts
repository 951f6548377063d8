import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AnswerBody, TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import { endedWithin } from "./helpers/deployments.ts";
import { register, writeLedgerProject } from "./helpers/ledger-project.ts";
import type { TestWorker } from "./helpers/worker.ts";
import { startWorkerOf } from "./helpers/worker.ts";

const ENDED_MS = 120_000;
/** Ends the runner that it runs under, and with it the containment; it looks for nothing else. */
const ENDS_ITS_RUNNER = `
import { readFileSync } from "node:fs";
for (let pid = process.ppid; pid > 1; ) {
  if (readFileSync("/proc/" + pid + "/cmdline", "utf8").includes("runner.ts")) { process.kill(pid, "SIGKILL"); break; }
  const stat = readFileSync("/proc/" + pid + "/stat", "utf8");
  pid = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
}
await new Promise((resolve) => setTimeout(resolve, 5000));
`;

let api: TestApi;
let worker: TestWorker;
beforeAll(async () => {
  api = await startTestApi();
  worker = await startWorkerOf(api);
});
afterAll(async () => {
  await worker.stop();
  await api.close();
});

async function request(stack: string): Promise<string> {
  const answer = await api.ask("POST", `${stack}/deployments`, { body: { operation: "update" } });
  expect(answer.status, answer.text).toBe(202);
  return answer.body.id;
}

const ended = (id: string): Promise<AnswerBody> => endedWithin(api, id, ENDED_MS);

test("H15: a program that ends its runner three times is quarantined with the reason, what waits behind it runs, and whoever may deploy lifts that", async () => {
  const ledger = path.join(api.root, "poison.txt");
  const folder = path.join(api.root, "poison");
  const write = (more: string): string =>
    writeLedgerProject(folder, "poison", { version: "v1", ledger, more });
  write(ENDS_ITS_RUNNER);
  const [stack = ""] = await register(api, "poison", folder);
  const bad = await request(stack);
  // The same once more, and something else, in the same queue.
  const same = await request(stack);
  write("");
  const good = await request(stack);

  const failed = await ended(bad);
  expect(failed, worker.output()).toMatchObject({
    status: "failed",
    attempts: 3,
    failure: { code: "crashed_repeatedly", remedy: expect.stringContaining("quarantine lift") },
  });
  expect(await ended(same)).toMatchObject({
    status: "failed",
    attempts: 1,
    failure: { code: "quarantined" },
  });
  expect(await ended(good)).toMatchObject({ status: "succeeded", release: 1 });
  expect(existsSync(ledger) ? readFileSync(ledger, "utf8") : "").toBe(
    "started create v1\nfinished create v1\n",
  );

  const { body } = await api.ask("GET", `${stack}/quarantines`);
  expect(body.items).toMatchObject([{ kind: "crash", deploymentId: bad, liftedAt: null }]);
  expect(String(body.items[0]?.reason)).toContain("3 attempts");
  write(ENDS_ITS_RUNNER);
  const refused = await api.ask("POST", `${stack}/deployments`, { body: { operation: "update" } });
  expect([refused.status, refused.body.code]).toEqual([409, "quarantined"]);
  const place = `${stack}/quarantines/${body.items[0]?.id}/lift`;
  expect(
    (await api.ask("POST", place, { body: { reason: "it is the runner that was at fault" } })).body,
  ).toMatchObject({ liftedBy: "owner" });
  expect(
    (await api.ask("POST", place, { body: { reason: "it is the runner that was at fault" } })).body,
    "again changes nothing",
  ).toMatchObject({ liftedBy: "owner" });
  const audit = await api.ask("GET", "/v1/audit?action=quarantine.lifted");
  expect(audit.body.items).toHaveLength(1);
  expect((await api.ask("GET", `${stack}/quarantines`)).body.items).toEqual([]);
  const after = await request(stack);
  await api.ask("POST", `/v1/deployments/${after}/cancel`);
  await ended(after);
});
