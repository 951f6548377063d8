import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TestApi } from "../../../test/helpers/api.ts";
import { startTestApi } from "../../../test/helpers/api.ts";
import { AN_AWS_MANIFEST } from "../../../test/helpers/aws-manifest.ts";
import { endDeployment, recordRelease } from "../../../test/helpers/records.ts";
import { epochOf, slotStates } from "./rules.ts";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

const ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:binance-1";
const outputs = { manifest: { ...AN_AWS_MANIFEST, secrets: { binance: ARN } } };
const put = (stack: string, slot: string, arn: string, versionId: string = randomUUID()) =>
  api.ask("POST", `${stack}/secrets`, { body: { versions: [{ slot, arn, versionId }] } });
async function release(stack: string, body: Record<string, unknown> = {}): Promise<string> {
  const asked = await api.ask("POST", `${stack}/deployments`, { body: { operation: "update", ...body } });
  expect(asked.status, asked.text).toBe(202);
  await recordRelease(api.db, asked.body.id, "good", outputs);
  return String(asked.body.sourceDigest);
}

test("a version is recorded for the stack's own secrets alone, and only one that is new moves the epoch", async () => {
  const stack = await api.makeStack("own", "test");
  expect((await put(stack, "binance", ARN)).body.code).toBe("release_not_found");
  await release(stack);
  const other = ARN.replace("binance", "another");
  for (const [slot, arn] of [
    ["binance", other],
    ["kraken", ARN],
    ["constructor", ARN],
  ] as const) {
    const { status, body } = await put(stack, slot, arn);
    expect([status, body.code]).toEqual([422, "invalid_request"]);
  }
  const versionId = randomUUID();
  const first = (await put(stack, "binance", ARN, versionId)).body;
  expect(first.items.find(({ slot }) => slot === "binance")).toMatchObject({ versionId, putBy: "owner" });
  expect((await put(stack, "binance", ARN, versionId)).body.epoch).toBe(first.epoch);
  expect((await put(stack, "binance", ARN)).body.epoch).not.toBe(first.epoch);
  const { body } = await api.ask("GET", "/v1/audit?organisation=default&project=own&action=secret.put");
  expect(body.items).toHaveLength(2);
  expect(body.items[1]).toMatchObject({
    principal: "owner",
    details: { slot: "binance", arn: ARN, versionId },
  });
});

test("a refresh of a stack that only takes promotions repeats the one that brought what runs", async () => {
  const test = await api.makeStack("promoted", "test");
  await api.ask("POST", "/v1/stacks", { body: { project: "promoted", name: "production" } });
  const production = "/v1/stacks/default/promoted/production";
  await api.ask("PUT", "/v1/projects/default/promoted/environments", {
    body: { stacks: [{ stack: "test" }, { stack: "production", onlyPromoted: true }] },
  });
  const source = await release(test);
  await release(production, { promote: { stack: "test" } });
  const { body: project } = await api.ask("GET", "/v1/projects/default/promoted");
  await writeFile(`${String(project.folder)}/more.txt`, "a newer source");
  expect(await release(test)).not.toBe(source);
  await put(production, "binance", ARN);
  const key = { "idempotency-key": randomUUID() };
  const first = await api.ask("POST", `${production}/secrets/refresh`, { headers: key });
  expect(first.status, first.text).toBe(202);
  expect(first.body).toMatchObject({
    operation: "update",
    sourceDigest: source,
    promotedFrom: { stack: "test", release: 1 },
  });
  const again = await api.ask("POST", `${production}/secrets/refresh`, { headers: key });
  expect(again.body.id).toBe(first.body.id);
  await endDeployment(api.db, first.body.id, "cancelled");
});

test("a slot is empty again when its secret was made anew, and the epoch tells sets of versions apart", () => {
  const version = { slot: "binance", arn: ARN, versionId: "v1", putAt: new Date(0), putBy: "owner" };
  const of = (arn: string) => slotStates({ binance: arn }, [version]).find(({ slot }) => slot === "binance");
  expect(of(ARN)?.versionId).toBe("v1");
  expect(of(`${ARN}-new`)?.versionId).toBeNull();
  const [one, two] = [
    { slot: "a", versionId: "1" },
    { slot: "b", versionId: "2" },
  ] as const;
  expect(epochOf([one, two])).toBe(epochOf([two, one]));
  expect(epochOf([one, two])).not.toBe(epochOf([one, { ...two, versionId: "3" }]));
});
