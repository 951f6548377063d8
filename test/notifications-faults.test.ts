import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { OpenDatabase } from "../automation/src/database.ts";
import { openDatabase, withTransaction } from "../automation/src/database.ts";
import { enqueueNotification } from "../automation/src/notifications/outbox-store.ts";
import type { ReceiverAnswer, WebhookReceiver } from "./doubles/webhook-receiver.ts";
import { startWebhookReceiver } from "./doubles/webhook-receiver.ts";
import type { TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import { LOOPBACK, QUICK, startNotifications, undelivered } from "./helpers/notifications.ts";
import type { PostgresProxy } from "./helpers/postgres-proxy.ts";
import { startPostgresProxy } from "./helpers/postgres-proxy.ts";
import type { TestServer } from "./helpers/server.ts";
import { startServer } from "./helpers/server.ts";
import { trial } from "./helpers/trial.ts";
import { eventually } from "./helpers/waiting.ts";

const BASE = "/v1/organisations/default/notifications";
/** The lease of a server that was killed is 40 s. */
const PATIENCE_MS = 120_000;

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ notificationSettings: { allowed: LOOPBACK, sendsEmail: false } });
});
afterAll(() => api.close());

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function receiver(answer: ReceiverAnswer): Promise<WebhookReceiver> {
  const one = await startWebhookReceiver({ answer });
  closing.push(one.close);
  await api.ask("DELETE", `${BASE}/destinations/ops`);
  const body = { type: "webhook", name: "ops", url: `http://127.0.0.1:${one.port}/` };
  expect((await api.ask("POST", `${BASE}/destinations`, { body })).status).toBe(201);
  return one;
}

function enqueue(): Promise<string | null> {
  return withTransaction(api.db, (trx) =>
    enqueueNotification(trx, {
      organisation: "default",
      kind: "deployment.failed",
      subject: "default/shop/production",
      body: { what: "x", who: null, why: null, nextAction: null, page: null },
      dedupeKey: randomUUID(),
    }),
  );
}

const deliveredOf = (ids: readonly (string | null)[]) =>
  eventually("all are delivered", PATIENCE_MS, async () => {
    const { body } = await api.ask("GET", `${BASE}/deliveries?limit=200`);
    const mine = body.items.filter(({ messageId }) => ids.includes(String(messageId)));
    return mine.length === ids.length && mine.every(({ status }) => status === "delivered") && mine;
  });

const idsAt = ({ received }: WebhookReceiver) => received.map(({ headers }) => String(headers["webhook-id"]));

async function server(): Promise<TestServer> {
  const one = await startServer({
    databaseUrl: api.databaseUrl,
    dataDir: api.dataDir,
    projects: api.root,
    env: { SLIPWAY_WEBHOOK_ALLOW: "127.0.0.0/8" },
  });
  closing.push(one.stop);
  return one;
}

trial(
  "K13: kill -9 of the server when the receiver has the message and our record is not written: it comes again under its id",
  async () => {
    let victim: TestServer | undefined;
    let died: Promise<void> | undefined;
    const one = await receiver((_request, response) => {
      // The receiver has all of it; the server dies before it can note that.
      if (died === undefined && victim !== undefined) died = victim.kill();
      response.writeHead(200).end();
    });
    victim = await server();
    const id = await enqueue();
    await eventually("it arrives", PATIENCE_MS, () => died !== undefined);
    await died;
    const before = await api.ask("GET", `${BASE}/deliveries`);
    expect(before.body.items[0]).toMatchObject({ messageId: id, status: "pending", attempts: 1 });
    await server();
    const [delivery] = await deliveredOf([id]);
    expect(idsAt(one)).toEqual([id, id]);
    const { body } = await api.ask("GET", `${BASE}/deliveries/${delivery?.id}`);
    expect(body.tries).toMatchObject([{ outcome: "unknown" }, { outcome: "delivered" }]);
  },
);

test("K12: kill -9 of the server before anything of the outbox was sent loses nothing", async () => {
  const one = await receiver((_request, response) => void response.writeHead(200).end());
  const victim = await server();
  await victim.kill();
  const ids = await Promise.all(Array.from({ length: 10 }, () => enqueue()));
  await server();
  await deliveredOf(ids);
  expect(idsAt(one).toSorted()).toEqual(ids.toSorted());
});

test("two servers, one stopped in the middle: every message arrives, and any twice only under its id", async () => {
  const one = await receiver(
    (_request, response) => void setTimeout(() => response.writeHead(200).end(), 30),
  );
  const [stopped] = [await server(), await server()];
  const ids: (string | null)[] = [];
  for (let index = 0; index < 40; index += 1) {
    ids.push(await enqueue());
    if (index === 20) expect(await stopped?.stop()).toBe(0);
  }
  await deliveredOf(ids);
  expect([...new Set(idsAt(one))].toSorted()).toEqual(ids.toSorted());
});

test("N9: Postgres that goes away in the middle, and replies that are lost, lose no message and change no id", async () => {
  const proxy: PostgresProxy = await startPostgresProxy(api.databaseUrl);
  closing.push(proxy.close);
  const behind: OpenDatabase = openDatabase(proxy.url, { applicationName: "slipway-test-behind" });
  closing.push(behind.close);
  const one = await receiver(
    (_request, response) => void setTimeout(() => response.writeHead(200).end(), 20),
  );
  const service = await startNotifications(api, {
    databaseUrl: proxy.url,
    db: behind.db,
    leaseMs: 1_000,
    policy: { ...QUICK, horizonMs: 100_000 },
  });
  closing.push(service.stop);
  const ids: (string | null)[] = [];
  for (let round = 0; round < 4; round += 1) {
    for (let index = 0; index < 8; index += 1) ids.push(await enqueue());
    await eventually("some of the round arrive", PATIENCE_MS, () => new Set(idsAt(one)).size > round * 8);
    proxy.cut();
    // For a while nobody can connect either.
    proxy.pointTo("postgres://127.0.0.1:1/none");
    await sleep(300);
    proxy.pointTo(api.databaseUrl);
    // What is carried out without our knowing: the claim, the record of a try, a commit.
    await Promise.race([proxy.loseReplyTo(/commit|set status = 'delivered'/), sleep(5_000)]);
  }
  await deliveredOf(ids);
  const arrived = idsAt(one);
  expect([...new Set(arrived)].toSorted()).toEqual(ids.toSorted());
  // The faults did hit: without them nothing arrives twice.
  expect(arrived.length).toBeGreaterThan(ids.length);
  expect(await undelivered(api.db, { graceMs: 0 })).toEqual([]);
});
