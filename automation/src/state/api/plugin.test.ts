import { afterAll, beforeAll, expect, test } from "vitest";
import type { TestApi } from "../../../../test/helpers/api.ts";
import { startTestApi } from "../../../../test/helpers/api.ts";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(async () => {
  await api.close();
});

test("an unknown address below /api answers 404 in the form that the CLI reads", async () => {
  const answer = await api.app.inject({
    method: "GET",
    url: "/api/orgs/default/nothing",
    headers: { host: "127.0.0.1", authorization: `token ${api.token}` },
  });
  expect([answer.statusCode, answer.json()]).toEqual([
    404,
    { code: 404, message: "Slipway does not offer GET /api/orgs/default/nothing." },
  ]);
});
