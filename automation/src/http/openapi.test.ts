import { afterAll, beforeAll, expect, test } from "vitest";
import type { TestApi } from "../../../test/helpers/api.ts";
import { startTestApi } from "../../../test/helpers/api.ts";
import { endpoints } from "../contract/endpoints.ts";
import { IMPORT_PATH } from "../contract/state-imports.ts";

interface Operation {
  responses: Record<string, { content?: Record<string, { schema: { $ref?: string } }> }>;
}
interface Document {
  openapi: string;
  info: { version: string };
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, unknown> };
}

let api: TestApi;
let document: Document;
beforeAll(async () => {
  api = await startTestApi();
  const answer = await api.ask("GET", "/docs/json");
  // A refusal must never be written down as the document.
  expect(answer.status, answer.text).toBe(200);
  document = answer.body as unknown as Document;
});
afterAll(() => api.close());

test("docs/openapi.json describes the API of today (vitest -u writes it anew)", async () => {
  const shown = { ...document, info: { ...document.info, version: "0" } };
  await expect(`${JSON.stringify(shown, null, 2)}\n`).toMatchFileSnapshot("../../../docs/openapi.json");
});

test("every row of the table of endpoints is in the document, and nothing else", () => {
  const described = Object.entries(document.paths).flatMap(([url, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${url}`),
  );
  const rows = Object.values(endpoints).map(
    ({ method, path }) => `${method} ${path.replace(/:(\w+)/g, "{$1}")}`,
  );
  // Its body is lines and not one JSON document, which the table has no form for.
  const streamed = `POST ${IMPORT_PATH}`;
  expect(described.sort()).toEqual([...rows, streamed].sort());
});

test("every operation documents its success and its problems", () => {
  for (const endpoint of Object.values(endpoints)) {
    const url = endpoint.path.replace(/:(\w+)/g, "{$1}");
    const operation = document.paths[url]?.[endpoint.method.toLowerCase()];
    expect(Object.keys(operation?.responses ?? {}).sort(), url).toEqual([
      String(endpoint.success.status),
      "4XX",
      "5XX",
    ]);
    const problem = operation?.responses["4XX"]?.content?.["application/problem+json"]?.schema;
    expect(problem?.$ref).toBe("#/components/schemas/Problem");
  }
});

test("the reference page loads nothing from elsewhere", async () => {
  const page = await api.ask("GET", "/docs/", { headers: { accept: "text/html" } });
  expect(page.status).toBe(200);
  expect(page.text).not.toMatch(/(src|href)="(https?:)?\/\//);
});
