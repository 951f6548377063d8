import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import type { IncomingMessage, Server } from "node:http";
import { createServer, request } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { migrate } from "../automation/src/database/migrations.ts";
import { openDatabase } from "../automation/src/database.ts";
import { startPostgres } from "../automation/src/postgres/embedded.ts";
import { reapOnce } from "../automation/src/state/reap.ts";
import type { TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import { writeLedgerProject } from "./helpers/ledger-project.ts";
import type { TestDatabase } from "./helpers/postgres.ts";
import { testPostgres } from "./helpers/postgres.ts";
import type { PostgresProxy } from "./helpers/postgres-proxy.ts";
import { startPostgresProxy } from "./helpers/postgres-proxy.ts";
import { linkPackages, startTestCli } from "./helpers/pulumi-cli.ts";
import type { StateClient } from "./helpers/state-client.ts";
import {
  created,
  essence,
  namesOf,
  pendingOf,
  replayed,
  stackClient,
  stateText,
  updateAudit,
} from "./helpers/state-client.ts";

/** Long enough to connect again. */
const CUT_EVERY_MS = 150;

let database: TestDatabase;
let proxy: PostgresProxy;
let api: TestApi;
let count = 0;
beforeAll(async () => {
  database = await testPostgres().freshDatabase();
  proxy = await startPostgresProxy(database.url);
  api = await startTestApi({ databaseUrl: proxy.url, timing: { drainMs: 500 } });
});
afterAll(async () => {
  await api.close();
  await proxy.close();
  await database.drop();
});

async function freshStack(): Promise<StateClient & { project: string }> {
  count += 1;
  const project = `f${count}`;
  return { ...(await stackClient(api, project)), project };
}

async function rowsOf(table: "journal_batches" | "states", updateId: string): Promise<number> {
  const { rows } = await sql<{
    n: number;
  }>`select count(*) as n from ${sql.table(table)} where update_id = ${updateId}`.execute(api.db);
  return rows[0]?.n ?? -1;
}

test("a batch whose reply was lost after its commit is sent again, acknowledged, and stored once", async () => {
  const stack = await freshStack();
  const update = await stack.begin();
  const lost = proxy.loseReplyTo(/insert into journal_batches/);
  const answer = await update.append(created(stack.project, 1, "a"));
  await lost;
  expect(answer.status, answer.text).toBe(204);
  expect(await rowsOf("journal_batches", update.id)).toBe(1);
  await update.complete();
  expect(essence(await stateText(api, stack.stackId))).toEqual(replayed(null, update.acknowledged));
});

test("a start whose reply was lost after its commit answers a token that works, and counts one update", async () => {
  const stack = await freshStack();
  const id = await stack.create();
  const lost = proxy.loseReplyTo(/^Q.{4}commit/is);
  const started = await stack.start(id);
  await lost;
  expect(started.status, started.text).toBe(200);
  expect(started.json.version).toBe(1);
  const authorization = `update-token ${String(started.json.token)}`;
  const body = { entries: created(stack.project, 1, "a") };
  const append = await stack.ask("PATCH", `/update/${id}/journalentries`, { authorization, body });
  expect(append.status).toBe(204);
  expect(await updateAudit(api, stack.subject)).toEqual(["update.started"]);
  expect((await stack.ask("POST", `/update/${id}/cancel`)).status).toBe(204);
});

test("a completion whose reply was lost after its commit is told as done, and makes one state", async () => {
  const stack = await freshStack();
  const update = await stack.begin();
  await update.append(created(stack.project, 1, "a"));
  const lost = proxy.loseReplyTo(/^Q.{4}commit/is);
  expect((await update.complete()).status).toBe(204);
  await lost;
  expect(await rowsOf("states", update.id)).toBe(1);
  expect(await updateAudit(api, stack.subject)).toEqual(["update.started", "update.succeeded"]);
});

test("a cancel whose reply was lost after its commit goes on to its end", async () => {
  const stack = await freshStack();
  const update = await stack.begin();
  await update.append(created(stack.project, 1, "a").slice(0, 1));
  const lost = proxy.loseReplyTo(/^Q.{4}commit/is);
  const cancelling = update.cancel();
  await lost;
  expect((await cancelling).status).toBe(204);
  expect(await pendingOf(api, stack.stackId)).toEqual(["a"]);
  expect(await updateAudit(api, stack.subject)).toEqual(["update.started", "update.cancelled"]);
});

test("connections that break again and again lose nothing that was acknowledged", async () => {
  const stack = await freshStack();
  const update = await stack.begin();
  const cutting = new AbortController();
  const cutter = (async () => {
    while (!cutting.signal.aborted) {
      await pause(CUT_EVERY_MS);
      proxy.cut();
    }
  })();
  try {
    for (let n = 1; n <= 40; n += 1) {
      expect((await update.append(created(stack.project, n, `r${n}`))).status).toBe(204);
      await pause(10);
    }
  } finally {
    cutting.abort();
    await cutter;
  }
  expect(update.acknowledged).toHaveLength(40);
  expect((await update.complete()).status).toBe(204);
  expect(await rowsOf("journal_batches", update.id)).toBe(40);
  expect(essence(await stateText(api, stack.stackId))).toEqual(replayed(null, update.acknowledged));
});

test("a lease that ends while a batch is being written: the batch is waited for, and in the state", async () => {
  const stack = await freshStack();
  const update = await stack.begin();
  // As a disk that takes its time.
  await sql`create function slow_batch() returns trigger language plpgsql as $$ begin perform pg_sleep(0.6); return new; end $$`.execute(
    api.db,
  );
  await sql`create trigger slow_batches before insert on journal_batches for each row execute function slow_batch()`.execute(
    api.db,
  );
  try {
    const writing = update.append(created(stack.project, 1, "a"));
    await pause(200);
    await sql`update stack_writers set expires_at = now() - interval '1 second' where stack_id = ${stack.stackId}`.execute(
      api.db,
    );
    // The reaper leaves a row that is being written under for its next look; a new update waits for it.
    const deps = { db: api.db, keyring: api.dependencies.keyring, logger: api.dependencies.logger };
    expect(await reapOnce(deps, new AbortController().signal)).toBe(0);
    const next = stack.begin();
    const late = update.append(created(stack.project, 2, "b"));
    expect((await writing).status).toBe(204);
    expect((await late).status).toBe(403);
    const taken = await next;
    expect(await namesOf(api, stack.stackId)).toEqual(["a"]);
    await taken.complete();
  } finally {
    await sql`drop trigger slow_batches on journal_batches`.execute(api.db);
    await sql`drop function slow_batch()`.execute(api.db);
  }
});

test("a cancel that comes while a batch is being written waits for it; batches behind it are refused", async () => {
  for (let round = 0; round < 10; round += 1) {
    const stack = await freshStack();
    const update = await stack.begin();
    const answers = await Promise.all([
      ...Array.from({ length: 8 }, (_, n) => update.append(created(stack.project, n + 1, `r${n + 1}`))),
      pause(round).then(() => update.cancel()),
    ]);
    expect(answers.at(-1)?.status).toBe(204);
    const kept = await namesOf(api, stack.stackId);
    expect(kept.length).toBeGreaterThanOrEqual(update.acknowledged.length);
    expect(kept.length).toBe(await rowsOf("journal_batches", update.id));
  }
});

test("Postgres killed with -9 in the middle of an update: writes wait for it, and nothing that was acknowledged is lost", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "slipway-killed-postgres-"));
  chmodSync(folder, 0o711);
  const options = { dataDir: path.join(folder, "postgres"), onProgress: () => {} };
  let server = await startPostgres(options);
  let own: TestApi | undefined;
  const front = await startPostgresProxy(server.url);
  try {
    await migrate(server.url);
    own = await startTestApi({ databaseUrl: front.url });
    const stack = await stackClient(own, "durable");
    const update = await stack.begin();
    const [begin, end] = created("durable", 1, "a");
    expect((await update.append([begin])).status).toBe(204);
    process.kill(server.pid, "SIGKILL");
    await server.exited;
    const asked = performance.now();
    const waiting = Promise.all([
      update.append([end]),
      update.renew(),
      update.events([{ sequence: 0, timestamp: 1, preludeEvent: { config: {} } }]),
    ]);
    await pause(1_500);
    server = await startPostgres(options);
    front.pointTo(server.url);
    const answers = await waiting;
    expect(answers.map(({ status, text }) => `${status} ${text.slice(0, 20)}`)).toEqual([
      "204 ",
      expect.stringMatching(/^200 /),
      "204 ",
    ]);
    expect(performance.now() - asked).toBeGreaterThan(1_400);
    // Killed under a stream of writes.
    let operation = 1;
    const stream = (async () => {
      while (operation < 60) {
        operation += 1;
        await update.append(created("durable", operation, `r${operation}`));
      }
    })();
    await pause(60);
    process.kill(server.pid, "SIGKILL");
    await server.exited;
    server = await startPostgres(options);
    front.pointTo(server.url);
    await stream;
    expect(update.acknowledged).toHaveLength(61);
    expect((await update.complete()).status).toBe(204);
    expect(essence(await stateText(own, stack.stackId))).toEqual(replayed(null, update.acknowledged));
    expect(await updateAudit(own, stack.subject)).toEqual(["update.started", "update.succeeded"]);
  } finally {
    await own?.close();
    await front.close();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});

test("a database that does not come back in time is told as a 503, which the CLI tries again", async () => {
  const closed = await startPostgresProxy(database.url);
  const far = openDatabase(closed.url, { applicationName: "slipway-test-away" });
  await closed.close();
  const { holdWhileDatabaseIsAway } = await import("../automation/src/state/hold.ts");
  const look = () => sql`select 1`.execute(far.db);
  await expect(holdWhileDatabaseIsAway(look, new AbortController().signal, 300)).rejects.toMatchObject({
    code: "not_ready",
  });
  await far.close();
});

/** Between the CLI and the server: does to the journal's requests what `decide` says. */
async function startUnreliable(
  upstream: string,
  decide: (path: string, nth: number) => "pass" | "fail" | "lose" | "twice",
): Promise<{ url: string; server: Server; done: Record<string, number> }> {
  const tries = new Map<string, number>();
  const done: Record<string, number> = {};
  const forward = (
    incoming: IncomingMessage,
    body: Buffer,
  ): Promise<{ status: number; headers: IncomingMessage["headers"]; body: Buffer }> =>
    new Promise((resolve, reject) => {
      const { hostname, port } = new URL(upstream);
      const headers = { ...incoming.headers, host: new URL(upstream).host };
      const asked = request(
        { hostname, port, method: incoming.method, path: incoming.url, headers },
        (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.once("end", () =>
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              body: Buffer.concat(chunks),
            }),
          );
        },
      );
      asked.once("error", reject);
      asked.end(body);
    });
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.once("end", () => {
      const body = Buffer.concat(chunks);
      const name = `${incoming.url} ${body.toString("base64")}`;
      const nth = (tries.get(name) ?? 0) + 1;
      tries.set(name, nth);
      const what = decide(incoming.url ?? "", nth);
      done[what] = (done[what] ?? 0) + 1;
      const answer = async (): Promise<void> => {
        if (what === "fail") {
          outgoing
            .writeHead(503, { "content-type": "application/json" })
            .end('{"code":503,"message":"a bad day"}');
          return;
        }
        const first = await forward(incoming, body);
        if (what === "twice") await forward(incoming, body);
        if (what === "lose") outgoing.destroy();
        else outgoing.writeHead(first.status, first.headers).end(first.body);
      };
      answer().catch(() => outgoing.destroy());
    });
  });
  const url = await new Promise<string>((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(`http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`);
    });
  });
  return { url, server, done };
}

test("the CLI survives three 503 in a row, lost replies and doubled requests, and the state is the one of a quiet day", async () => {
  const cli = await startTestCli(api);
  let seen = 0;
  const unreliable = await startUnreliable(cli.url, (asked, nth) => {
    if (!/\/(journalentries|complete)$/.test(asked)) return "pass";
    if (nth > 1) return asked.endsWith("journalentries") && seen === 1 && nth <= 3 ? "fail" : "pass";
    seen += 1;
    return seen === 1 ? "fail" : ((["lose", "twice", "pass"] as const)[seen % 3] ?? "pass");
  });
  try {
    const ledger = path.join(cli.home, "unreliable.ledger");
    const texts = ["one", "two", "three", "four"];
    const folder = linkPackages(
      writeLedgerProject(cli.folder("unreliable"), "unreliable", { version: "v1", ledger, texts }),
    );
    await cli.succeed(["login", unreliable.url], { env: { PULUMI_ACCESS_TOKEN: api.token } });
    await cli.succeed(["stack", "init", "dev"], { cwd: folder });
    const up = await cli.run(["up", "--yes", "--skip-preview", "--stack", "dev"], { cwd: folder });
    expect(up.code, up.text).toBe(0);
    expect(unreliable.done.fail).toBe(3);
    expect(unreliable.done.lose).toBeGreaterThan(0);
    expect(unreliable.done.twice).toBeGreaterThan(0);
    const row = await api.db
      .selectFrom("updates")
      .innerJoin("stacks", "stacks.id", "updates.stack_id")
      .innerJoin("projects", "projects.id", "stacks.project_id")
      .select(["updates.stack_id", "updates.status", "updates.resource_count"])
      .where("projects.name", "=", "unreliable")
      .where("updates.number", "is not", null)
      .executeTakeFirstOrThrow();
    expect(row).toMatchObject({ status: "succeeded" });
    expect((await namesOf(api, row.stack_id)).filter((name) => texts.includes(name)).sort()).toEqual(
      [...texts].sort(),
    );
    expect(await pendingOf(api, row.stack_id)).toEqual([]);
    const quiet = await cli.run(["preview", "--expect-no-changes", "--stack", "dev"], { cwd: folder });
    expect(quiet.code, quiet.text).toBe(0);
  } finally {
    unreliable.server.closeAllConnections();
    await new Promise<void>((resolve) => unreliable.server.close(() => resolve()));
    await cli.close();
  }
});
