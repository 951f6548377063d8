import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { insertDeployment, insertStack } from "../../../test/helpers/access.ts";
import type { TestApi } from "../../../test/helpers/api.ts";
import { startTestApi } from "../../../test/helpers/api.ts";
import type { PlannedStep } from "../contract/previews.ts";
import { runWork } from "../state/threads/pool.ts";

let api: TestApi;
let stackId: string;
let id: string;
beforeAll(async () => {
  api = await startTestApi();
  ({ stackId } = await insertStack(api.db, { project: "shown", stack: "dev" }));
  id = await insertDeployment(api.db, stackId);
});
afterAll(() => api.close());

const names = ["kept", "new", "gone", "moved"];
const operations = ["same", "create", "delete", "replace"];

function stepOf(name: string, index: number): PlannedStep {
  return {
    urn: `urn:pulumi:dev::shown::t:i:T::${name}`,
    type: "t:i:T",
    name,
    operation: operations[index] ?? "same",
    provider: null,
    parent: null,
    dependencies: index === 0 ? [] : ["urn:pulumi:dev::shown::t:i:T::kept"],
    protect: false,
    changes: [{ path: "size", kind: "update", replaces: index === 3, before: 1, after: 2, known: true }],
  };
}

async function putPreview(attempt: number): Promise<void> {
  const text = JSON.stringify(names.map(stepOf));
  const key = await api.dependencies.keyring.newest(api.db, stackId);
  const { body } = await runWork("seal", { key, purpose: "seal", text }, text.length);
  const counts = JSON.stringify({ same: 1, create: 1, delete: 1, replace: 1 });
  await sql`
    insert into deployment_previews (deployment_id, attempt, counts, step_count, truncated, body)
    values (${id}, ${attempt}, ${counts}, 4, false, ${body})
    on conflict (deployment_id) do update set attempt = excluded.attempt, body = excluded.body
  `.execute(api.db);
}

test("a deployment without a preview, and one that is not there, are told apart", async () => {
  const none = await api.ask("GET", `/v1/deployments/${id}/preview`);
  expect([none.status, none.body.detail]).toEqual([404, expect.stringContaining("has not been previewed")]);
  const missing = await api.ask("GET", `/v1/deployments/${randomUUID()}/preview/graph`);
  expect([missing.status, missing.body.detail]).toEqual([
    404,
    expect.stringContaining("There is no deployment"),
  ]);
});

test("steps come page by page, what can lose something first, and are found by operation and name", async () => {
  await putPreview(1);
  const shown = async (query: string) => {
    const { body } = await api.ask("GET", `/v1/deployments/${id}/preview?${query}`);
    return { names: body.items.map(({ name }) => name), next: body.next };
  };
  const first = await shown("limit=3");
  expect(first.names).toEqual(["moved", "gone", "new"]);
  expect(await shown(`limit=3&after=${first.next ?? ""}`)).toEqual({ names: ["kept"], next: null });
  expect((await shown("changed=true")).names).toEqual(["moved", "gone", "new"]);
  expect((await shown("operation=same")).names).toEqual(["kept"]);
  expect((await shown("search=GON")).names).toEqual(["gone"]);
});

test("the next page of an earlier preview is refused once it was previewed again", async () => {
  const { body } = await api.ask("GET", `/v1/deployments/${id}/preview?limit=1`);
  await putPreview(2);
  const late = await api.ask("GET", `/v1/deployments/${id}/preview?limit=1&after=${body.next ?? ""}`);
  expect([late.status, late.body.code]).toEqual([422, "invalid_request"]);
  expect(late.body.detail).toContain("earlier preview");
});

test("the graph names needs by place and holds no value", async () => {
  const { status, body, text } = await api.ask("GET", `/v1/deployments/${id}/preview/graph`);
  expect(status).toBe(200);
  const nodes = body.nodes as { dependencies: number[]; replacing: unknown[] }[];
  expect(nodes.map(({ dependencies }) => dependencies)).toEqual([[], [0], [0], [0]]);
  expect(nodes[3]?.replacing).toEqual([{ path: "size", known: true }]);
  expect(text).not.toContain("before");
});
