import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TestApi } from "../../../test/helpers/api.ts";
import { startTestApi } from "../../../test/helpers/api.ts";
import { recordRelease } from "../../../test/helpers/records.ts";

const CANARY = "canary-7f3a-must-never-be-seen";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

test("H7: a secret's value is in no answer, table, log or file, and the owner's token in no answer, table or log", async () => {
  const answers: string[] = [];
  const ask: TestApi["ask"] = async (...call) => {
    const answer = await api.ask(...call);
    answers.push(answer.text, JSON.stringify(answer.headers));
    return answer;
  };
  const stack = await api.makeStack("vault");
  await ask("PUT", `${stack}/config/password`, {
    body: { value: CANARY, secret: true },
    headers: { "idempotency-key": "secret-key" },
  });
  const made = await ask("POST", `${stack}/deployments`, {
    body: { operation: "update" },
    headers: { "idempotency-key": "deploy-key" },
  });
  await recordRelease(api.db, made.body.id, "good");
  await ask("POST", `${stack}/deployments`, { body: { operation: "rollback", release: 1 } });
  // Refused in every way that a value can be: too long, of the wrong type, with an unknown field, broken, to an unknown stack.
  await ask("PUT", `${stack}/config/long`, { body: { value: CANARY.repeat(3000), secret: true } });
  await ask("PUT", `${stack}/config/type`, { body: { value: [CANARY], secret: true } });
  await ask("PUT", `${stack}/config/more`, { body: { value: CANARY, secret: true, hint: CANARY } });
  await ask("PUT", `${stack}/config/nul`, { body: { value: `${CANARY}\0`, secret: true } });
  await ask("PUT", "/v1/stacks/default/vault/none/config/a", { body: { value: CANARY, secret: true } });
  // Refused by the database, whose own message would show the row.
  await sql`alter table stack_config add constraint break_it check (key <> 'vault:broken') not valid`.execute(
    api.db,
  );
  expect((await ask("PUT", `${stack}/config/broken`, { body: { value: CANARY, secret: true } })).status).toBe(
    500,
  );
  for (const url of [
    stack,
    `${stack}/config`,
    `${stack}/deployments`,
    `${stack}/releases`,
    `${stack}/outputs`,
    "/v1/audit",
    "/metrics",
  ]) {
    await ask("GET", url);
  }
  await ask("GET", `/v1/deployments/${made.body.id}/events`);

  const tables = await allRows();
  expect(tables).toContain("vault:password");
  const forms = [
    CANARY,
    Buffer.from(CANARY).toString("base64").slice(0, 30),
    Buffer.from(CANARY).toString("hex"),
  ];
  for (const form of forms) {
    expect(answers.join("\n")).not.toContain(form);
    expect(tables).not.toContain(form);
    expect(api.log()).not.toContain(form);
    expect(await allFiles(api.dataDir)).not.toContain(form);
  }
  expect(api.log()).toContain("request failed");
  for (const place of [answers.join("\n"), tables, api.log()]) expect(place).not.toContain(api.token);
});

async function allRows(): Promise<string> {
  const { rows } = await sql<{
    name: string;
  }>`select tablename as name from pg_tables where schemaname = 'public'`.execute(api.db);
  const texts = await Promise.all(
    rows.map(({ name }) =>
      sql<{ row: string }>`select t::text as row from ${sql.table(name)} t`.execute(api.db),
    ),
  );
  return texts.flatMap((table) => table.rows.map(({ row }) => row)).join("\n");
}

async function allFiles(folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
  return (await Promise.all(files.map((file) => readFile(file, "latin1")))).join("\n");
}
