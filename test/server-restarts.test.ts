import { randomUUID } from "node:crypto";
import path from "node:path";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createClient } from "../automation/src/client/index.ts";
import type { TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import { register, writeLedgerProject } from "./helpers/ledger-project.ts";
import type { TestServer } from "./helpers/server.ts";
import { startServer } from "./helpers/server.ts";
import { eventually } from "./helpers/waiting.ts";
import type { TestWorker } from "./helpers/worker.ts";
import { startWorker } from "./helpers/worker.ts";

const RESTARTS = 50;
/** New work comes every so many restarts. */
const ROUND = 10;
const STACKS = ["a", "b", "c", "d"];
const STARTED_MS = 60_000;
const DRAINED_MS = 240_000;
const TEST_MS = 900_000;

let api: TestApi;
let server: TestServer;
let worker: TestWorker;
beforeAll(async () => {
  api = await startTestApi();
  server = await startServer({ databaseUrl: api.databaseUrl, dataDir: api.dataDir, projects: api.root });
  const { dataDir, databaseUrl } = api;
  worker = await startWorker({ dataDir, databaseUrl, serverUrl: `http://127.0.0.1:${server.port}` });
});
afterAll(async () => {
  await worker.stop();
  await server.stop();
  await api.close();
});

test(`H13: the control plane killed and started again ${RESTARTS} times at load leaves no slot taken and no row stuck, and every request is answered for`, {
  timeout: TEST_MS,
}, async () => {
  const { port } = server;
  const ledger = path.join(api.root, "restarts.txt");
  const folder = writeLedgerProject(path.join(api.root, "restarts"), "restarts", {
    version: "v1",
    ledger,
    delayMs: 300,
  });
  await register(api, "restarts", folder, STACKS);
  const client = createClient({ baseUrl: `http://127.0.0.1:${port}`, token: api.token });
  const asked: Promise<string>[] = [];
  const ask = (stack: string): void => {
    const idempotencyKey = randomUUID();
    const params = { organisation: "default", project: "restarts", stack };
    const body = { operation: "update" as const, options: { skipPreview: true } };
    asked.push(
      eventually(`the request for ${stack} is answered`, TEST_MS, async () =>
        client
          .requestDeployment({ params, body, idempotencyKey })
          .then(({ id }) => id)
          // The server is away; the key makes the repetition the same request.
          .catch(() => undefined),
      ),
    );
  };
  for (let restart = 0; restart < RESTARTS; restart += 1) {
    if (restart % ROUND === 0) for (const stack of STACKS) ask(stack);
    await server.kill();
    // While it is down, anybody may use its port for a moment.
    server = await eventually("the server runs again", STARTED_MS, () =>
      startServer({ databaseUrl: api.databaseUrl, dataDir: api.dataDir, projects: api.root, port }).catch(
        () => undefined,
      ),
    );
  }
  const ids = await Promise.all(asked);
  expect(new Set(ids).size, "each request is one deployment").toBe((RESTARTS / ROUND) * STACKS.length);
  await eventually("nothing is left to do", DRAINED_MS, async () => {
    const { rows } = await sql`select 1 from deployments where finished_at is null limit 1`.execute(api.db);
    return rows.length === 0;
  });
  const { rows: statuses } = await sql<{ status: string; count: number }>`
      select status, count(*) as count from deployments group by status
    `.execute(api.db);
  expect(statuses, worker.output().slice(-4000)).toEqual([{ status: "succeeded", count: ids.length }]);
  const { rows: leaks } = await sql<{ what: string }>`
      select 'attempt' as what from attempts where status in ('claimed', 'running')
      union all select 'writer' from stack_writers where holder is not null
      union all select 'update' from updates where status = 'running'
    `.execute(api.db);
  expect(leaks).toEqual([]);
});
