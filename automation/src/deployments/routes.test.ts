import { afterAll, beforeAll, expect, test } from "vitest";
import type { TestApi } from "../../../test/helpers/api.ts";
import { startTestApi } from "../../../test/helpers/api.ts";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

test("a deployment is accepted with its place in the queue, its steps and its address", async () => {
  const stack = await api.makeStack("accepted");
  const answer = await api.ask("POST", `${stack}/deployments`, {
    body: { operation: "update", message: "first" },
  });
  expect(answer.status, answer.text).toBe(202);
  expect(answer.headers.location).toBe(`/v1/deployments/${answer.body.id}`);
  expect(answer.body).toMatchObject({
    status: "queued",
    number: 1,
    queuePosition: 0,
    operation: "update",
    message: "first",
    requestedBy: "owner",
    cause: "request",
    release: null,
    failure: null,
    attempts: 0,
  });
  expect((answer.body.steps as { name: string }[]).map(({ name }) => name)).toContain("update");
  expect(answer.body.sourceDigest).toMatch(/^sha256:/);
  expect(await api.dependencies.artifacts.has(String(answer.body.sourceDigest))).toBe(true);
  expect((await api.ask("GET", `/v1/deployments/${answer.body.id}`)).body).toEqual(answer.body);
});
