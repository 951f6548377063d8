import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { withTransaction } from "../automation/src/database.ts";
import { deleteOldNotifications, enqueueNotification } from "../automation/src/notifications/outbox-store.ts";
import { routePending } from "../automation/src/notifications/service.ts";
import type { ReceivedWebhook, ReceiverAnswer, WebhookReceiver } from "./doubles/webhook-receiver.ts";
import { startWebhookReceiver } from "./doubles/webhook-receiver.ts";
import type { TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import type { NotificationService } from "./helpers/notifications.ts";
import { LOOPBACK, QUICK, startNotifications, undelivered } from "./helpers/notifications.ts";
import { eventually } from "./helpers/waiting.ts";

const DESTINATIONS = "/v1/organisations/default/notifications/destinations";
const DELIVERIES = "/v1/organisations/default/notifications/deliveries";
const PATIENCE_MS = 60_000;
let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ notificationSettings: { allowed: LOOPBACK, sendsEmail: false } });
});
afterAll(() => api.close());

let receivers: WebhookReceiver[];
let services: NotificationService[];
beforeEach(() => {
  receivers = [];
  services = [];
});
afterEach(async () => {
  await Promise.all(services.map((one) => one.stop()));
  await Promise.all(receivers.map((one) => one.close()));
  await sql`truncate notifications, notification_destinations cascade`.execute(api.db);
});

/** Delivers as a server does. */
async function startService(
  more: Parameters<typeof startNotifications>[1] = {},
): Promise<NotificationService> {
  const service = await startNotifications(api, more);
  services.push(service);
  return service;
}

async function receiver(answer?: ReceiverAnswer): Promise<WebhookReceiver> {
  const one = await startWebhookReceiver(answer === undefined ? {} : { answer });
  receivers.push(one);
  return one;
}

/** Adds a webhook; answers its secret. */
async function webhook(name: string, port: number, more: Record<string, unknown> = {}): Promise<string> {
  const made = await api.ask("POST", DESTINATIONS, {
    body: { type: "webhook", name, url: `http://127.0.0.1:${port}/hook`, ...more },
  });
  if (made.status !== 201) throw new Error(made.text);
  return String(made.body.secret);
}

function enqueue(what = "Something happened.", dedupeKey: string = randomUUID()): Promise<string | null> {
  return withTransaction(api.db, (trx) =>
    enqueueNotification(trx, {
      organisation: "default",
      kind: "deployment.failed",
      subject: "default/shop/production",
      body: { what, who: "user:alice", why: null, nextAction: null, page: "/deployments/1" },
      dedupeKey,
    }),
  );
}

async function deliveries(): Promise<
  { id: string; status: string; attempts: number; error: string | null }[]
> {
  const { body } = await api.ask("GET", DELIVERIES);
  return body.items as unknown as { id: string; status: string; attempts: number; error: string | null }[];
}

const ended = (count: number) =>
  eventually(`${count} deliveries end`, PATIENCE_MS, async () => {
    const all = await deliveries();
    return all.length === count && all.every(({ status }) => status !== "pending") && all;
  });
const idsAt = ({ received }: WebhookReceiver) => received.map(({ headers }) => headers["webhook-id"]);

describe("the outbox", () => {
  test("holds what its transaction committed, and nothing of one that was rolled back", async () => {
    await expect(
      withTransaction(api.db, async (trx) => {
        await enqueueNotification(trx, {
          organisation: "default",
          kind: "deployment.failed",
          subject: "default/shop/production",
          body: { what: "x", who: null, why: null, nextAction: null, page: null },
          dedupeKey: "rolled back",
        });
        throw new Error("the change fails");
      }),
    ).rejects.toThrow("the change fails");
    const id = await enqueue();
    const rows = await api.db.selectFrom("notifications").select("id").execute();
    expect(rows).toEqual([{ id }]);
  });

  test("takes the same thing once, also for the installation", async () => {
    expect(await enqueue("a", "same")).not.toBeNull();
    expect(await enqueue("b", "same")).toBeNull();
    const ofInstallation = () =>
      withTransaction(api.db, (trx) =>
        enqueueNotification(trx, {
          organisation: null,
          kind: "disk.low",
          subject: "installation",
          body: { what: "x", who: null, why: null, nextAction: null, page: null },
          dedupeKey: "same",
        }),
      );
    expect(await ofInstallation()).not.toBeNull();
    expect(await ofInstallation()).toBeNull();
  });

  test("takes every text: what Postgres cannot store is replaced and what is too long is cut", async () => {
    const id = await enqueue(`NUL \0 half \ud800 ${"long ".repeat(1000)}`);
    const row = await api.db
      .selectFrom("notifications")
      .select("body")
      .where("id", "=", id ?? "")
      .executeTakeFirstOrThrow();
    expect(row.body.what).toMatch(/^NUL \ufffd half \ufffd long .*…$/);
    expect(row.body.what).toHaveLength(500);
  });
});

describe("delivery", () => {
  test("a message arrives once, signed, with its id in both headers, and its tries are kept", async () => {
    const one = await receiver();
    await webhook("ops", one.port);
    await startService();
    const id = await enqueue();
    const [delivery] = await ended(1);
    expect(delivery).toMatchObject({ status: "delivered", attempts: 1, messageId: id, destination: "ops" });
    expect(one.received).toHaveLength(1);
    const [{ headers, body }] = one.received as [ReceivedWebhook];
    expect(headers["webhook-id"]).toBe(id);
    expect(headers["slipway-message-id"]).toBe(id);
    expect(headers["webhook-signature"]).toMatch(/^v1,[A-Za-z0-9+/]{43}=$/);
    expect(JSON.parse(body.toString())).toMatchObject({
      type: "deployment.failed",
      data: {
        severity: "critical",
        organisation: "default",
        project: "shop",
        stack: "production",
        what: "Something happened.",
        link: "https://slipway.example/deployments/1",
      },
    });
    const { body: detail } = await api.ask("GET", `${DELIVERIES}/${delivery?.id}`);
    expect(detail.tries).toMatchObject([{ number: 1, outcome: "delivered", statusCode: 204, error: null }]);
  });

  test("what fails is tried again under the same id with the same bytes until it arrives", async () => {
    let asked = 0;
    const one = await receiver((_request, response) => {
      asked += 1;
      response.writeHead(asked < 3 ? 503 : 200).end();
    });
    await webhook("ops", one.port);
    await startService();
    const id = await enqueue();
    expect(await ended(1)).toMatchObject([{ status: "delivered", attempts: 3, error: null }]);
    expect(idsAt(one)).toEqual([id, id, id]);
    expect(new Set(one.received.map(({ body }) => body.toString())).size).toBe(1);
    const { body } = await api.ask("GET", `${DELIVERIES}/${(await deliveries())[0]?.id}`);
    expect(body.tries).toMatchObject([{ statusCode: 503 }, { statusCode: 503 }, { statusCode: 200 }]);
  });

  test("what never arrives is given up after the horizon, and sent again by a person under the same id", async () => {
    let status = 500;
    const one = await receiver((_request, response) => void response.writeHead(status).end());
    await webhook("ops", one.port);
    await startService();
    const id = await enqueue();
    const [dead] = await ended(1);
    expect(dead).toMatchObject({
      status: "dead",
      error: expect.stringMatching(/answered 500\. Given up after \d+ tries\./),
    });
    expect(dead?.attempts).toBeGreaterThan(3);
    expect(await undelivered(api.db, { graceMs: 0, horizonMs: QUICK.horizonMs })).toEqual([]);
    const before = one.received.length;
    status = 200;
    expect((await api.ask("POST", `${DELIVERIES}/${dead?.id}/resend`)).status).toBe(202);
    expect(await ended(1)).toMatchObject([{ status: "delivered", attempts: 1 }]);
    expect(one.received).toHaveLength(before + 1);
    expect(new Set(idsAt(one))).toEqual(new Set([id]));
    expect((await api.ask("POST", `${DELIVERIES}/${dead?.id}/resend`)).status).toBe(409);
    const { body } = await api.ask("GET", "/v1/audit?action=notification.resent");
    expect(body.items[0]).toMatchObject({ principal: "owner", subject: "default/notifications/ops" });
  });

  test("a refused address is given up at once", async () => {
    const one = await receiver();
    await webhook("ops", one.port);
    await startService({ network: { allowed: [] } });
    await enqueue();
    expect(await ended(1)).toMatchObject([
      { status: "dead", attempts: 1, error: expect.stringContaining("SLIPWAY_WEBHOOK_ALLOW") },
    ]);
    expect(one.connections()).toBe(0);
  });

  test("three servers at once deliver 60 messages to two receivers, each once", async () => {
    const [left, right] = [await receiver(), await receiver()];
    await webhook("left", left.port);
    await webhook("right", right.port);
    for (let index = 0; index < 3; index += 1) await startService();
    const ids = await Promise.all(Array.from({ length: 60 }, () => enqueue()));
    expect((await pages()).every(({ status }) => status === "delivered")).toBe(true);
    for (const one of [left, right]) expect(idsAt(one).toSorted()).toEqual(ids.toSorted());

    async function pages() {
      return eventually("all end", PATIENCE_MS, async () => {
        const { body } = await api.ask("GET", `${DELIVERIES}?limit=200`);
        const all = body.items as unknown as { status: string }[];
        return all.length === 120 && all.every(({ status }) => status !== "pending") && all;
      });
    }
  });

  test("jobs that are lost lose nothing: the sweep finds what is due", async () => {
    const one = await receiver();
    await webhook("ops", one.port);
    await startService({ boss: { send: async () => null, work: async () => {} } });
    const ids = await Promise.all(Array.from({ length: 20 }, () => enqueue()));
    await ended(20);
    expect(idsAt(one).toSorted()).toEqual(ids.toSorted());
  });

  test("a destination that hangs holds up no other", async () => {
    const slow = await receiver(() => {});
    const quick = await receiver();
    await webhook("slow", slow.port);
    await webhook("quick", quick.port);
    await startService({
      network: { allowed: LOOPBACK, timeoutMs: 30_000 },
      policy: { ...QUICK, horizonMs: 60_000 },
    });
    for (let index = 0; index < 30; index += 1) await enqueue();
    await eventually("the quick one has all", 25_000, () => quick.received.length === 30);
    // About two: those who count at the same moment may both go.
    expect(slow.received.length).toBeLessThanOrEqual(4);
  });

  test("a server that dies in a try leaves it to another one, after its lease, under the same id", async () => {
    let answer = false;
    const one = await receiver((_request, response) => {
      if (answer) response.writeHead(200).end();
    });
    await webhook("ops", one.port);
    // Its claim runs out while the try hangs: what kill -9 leaves to the others.
    const first = await startService({ leaseMs: 1_000, network: { allowed: LOOPBACK, timeoutMs: 30_000 } });
    const id = await enqueue();
    await eventually("the first try is under way", PATIENCE_MS, () => one.received.length === 1);
    answer = true;
    await startService();
    await ended(1);
    await first.stop();
    services.shift();
    expect(idsAt(one)).toEqual([id, id]);
    const { body } = await api.ask("GET", `${DELIVERIES}/${(await deliveries())[0]?.id}`);
    // The late result of the first changes nothing of what the second recorded.
    expect(body).toMatchObject({
      status: "delivered",
      tries: [{ outcome: "failed" }, { outcome: "delivered" }],
    });
  });

  test("five given up in a row pause a destination; others hear of it, and resuming sends again", async () => {
    let status = 410;
    const broken = await receiver((_request, response) => void response.writeHead(status).end());
    const witness = await receiver();
    await webhook("broken", broken.port, { kinds: ["deployment.failed"] });
    await webhook("witness", witness.port, { kinds: ["destination.paused"] });
    await startService();
    for (let index = 0; index < 5; index += 1) await enqueue();
    await eventually("the other one is told", PATIENCE_MS, () => witness.received.length === 1);
    expect(JSON.parse(String(witness.received[0]?.body))).toMatchObject({
      type: "destination.paused",
      data: {
        what: expect.stringContaining("broken"),
        nextAction: expect.stringContaining("slipway destinations resume broken"),
      },
    });
    const shown = await api.ask("GET", `${DESTINATIONS}/broken`);
    expect(shown.body).toMatchObject({
      pausedBy: "slipway",
      deadInARow: 5,
      pausedReason: expect.stringContaining("410"),
    });
    const before = broken.received.length;
    await enqueue();
    await ended(7);
    expect(broken.received).toHaveLength(before);
    expect((await api.ask("POST", `${DESTINATIONS}/broken/resend`)).status).toBe(409);
    status = 200;
    await api.ask("PUT", `${DESTINATIONS}/broken`, { body: { paused: false } });
    expect((await api.ask("POST", `${DESTINATIONS}/broken/resend`)).body).toEqual({ resent: 6 });
    await eventually("all six arrive", PATIENCE_MS, async () =>
      (await deliveries()).every((one) => one.status === "delivered"),
    );
    expect((await api.ask("GET", `${DESTINATIONS}/broken`)).body).toMatchObject({
      deadInARow: 0,
      pausedAt: null,
    });
  });

  test("a removed destination gets nothing more, and what waited for it is given up", async () => {
    const one = await receiver((_request, response) => void response.writeHead(500).end());
    await webhook("ops", one.port);
    await startService({ policy: { ...QUICK, firstDelayMs: 1_000, horizonMs: 60_000 } });
    await enqueue();
    await eventually("it was tried", PATIENCE_MS, () => one.received.length > 0);
    expect((await api.ask("DELETE", `${DESTINATIONS}/ops`)).status).toBe(204);
    expect(await ended(1)).toMatchObject([{ status: "dead", error: "The destination was removed." }]);
    const row = await api.db
      .selectFrom("notification_destinations")
      .select("sealed")
      .executeTakeFirstOrThrow();
    expect(row.sealed).toBeNull();
  });

  test("while a secret is being replaced both sign, afterwards the new one alone", async () => {
    const one = await receiver();
    await webhook("ops", one.port);
    await startService();
    const rotated = await api.ask("POST", `${DESTINATIONS}/ops/rotate`, { body: {} });
    expect(rotated.body.secret).toMatch(/^whsec_/);
    await enqueue();
    await ended(1);
    await api.ask("POST", `${DESTINATIONS}/ops/rotate`, { body: { overlapHours: 0 } });
    await enqueue();
    await ended(2);
    const signatures = one.received.map(
      ({ headers }) => String(headers["webhook-signature"]).split(" ").length,
    );
    expect(signatures).toEqual([2, 1]);
  });
});

describe("N9", () => {
  test("finds what is neither delivered nor given up after the horizon, and what was never routed", async () => {
    await webhook("ops", 1);
    const id = await enqueue();
    const old = await enqueue();
    await sql`update notifications set created_at = now() - interval '2 days' where id = ${old}`.execute(
      api.db,
    );
    expect(await undelivered(api.db)).toMatchObject([{ notification: old, delivery: null }]);
    // Routed by a server that dies before it delivers anything.
    await routePending({ db: api.db, boss: { send: async () => null }, policy: QUICK });
    await sql`update notification_deliveries set deadline = now() - interval '1 hour'`.execute(api.db);
    const late = await undelivered(api.db);
    expect(late.map(({ notification }) => notification).toSorted()).toEqual([id, old].toSorted());
    expect(late.every(({ delivery }) => delivery !== null)).toBe(true);
    // Due again it is tried once more, however late, and ends.
    await startService();
    expect(await ended(2)).toMatchObject([
      { attempts: 1, status: "dead" },
      { attempts: 1, status: "dead" },
    ]);
    expect(await undelivered(api.db, { graceMs: 0 })).toEqual([]);
  });

  test("old messages go with their deliveries once all of these have ended", async () => {
    const one = await receiver();
    await webhook("ops", one.port);
    await startService();
    await enqueue();
    await ended(1);
    await sleep(5);
    expect(await deleteOldNotifications(api.db, new Date(Date.now() - 60_000), 10)).toBe(0);
    expect(await deleteOldNotifications(api.db, new Date(Date.now() + 60_000), 10)).toBe(1);
    expect(await deliveries()).toEqual([]);
    const [kept, old] = [await enqueue(), await enqueue()];
    await ended(2);
    await sql`update notifications set created_at = created_at - interval '91 days' where id = ${old}`.execute(
      api.db,
    );
    await sql`update notification_deliveries set finished_at = finished_at - interval '91 days' where notification_id = ${old}`.execute(
      api.db,
    );
    // A server looks for them when it starts, and every hour.
    await startService();
    await eventually("the old one is removed", PATIENCE_MS, async () => (await deliveries()).length === 1);
    expect(await deliveries()).toMatchObject([{ messageId: kept }]);
  });
});
