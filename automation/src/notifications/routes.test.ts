import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { bearer, tokenOf } from "../../../test/helpers/access.ts";
import type { TestApi } from "../../../test/helpers/api.ts";
import { startTestApi } from "../../../test/helpers/api.ts";
import { parseNetworks } from "./addresses.ts";
import { destinationSealing } from "./sealing.ts";

const BASE = "/v1/organisations/acme/notifications";
const DESTINATIONS = `${BASE}/destinations`;
const CANARY = "T0CANARY/B1/sEcReTpath";
const URL_WITH_SECRET = `https://hooks.example/services/${CANARY}`;

let api: TestApi;
let admin: Record<string, string>;
beforeAll(async () => {
  api = await startTestApi({
    notificationSettings: { allowed: parseNetworks("10.1.0.0/16") ?? [], sendsEmail: true },
  });
  admin = bearer(await tokenOf(api, "alice", { acme: "admin" }));
  await api.ask("POST", "/v1/organisations", { body: { name: "other" } });
});
afterAll(() => api.close());
afterEach(() => sql`truncate notifications, notification_destinations cascade`.execute(api.db));

const create = (body: Record<string, unknown>, headers = admin) =>
  api.ask("POST", DESTINATIONS, {
    headers,
    body: { type: "webhook", name: "ops", url: URL_WITH_SECRET, ...body },
  });

describe("a webhook", () => {
  test("shows its signing secret once and its path never", async () => {
    const made = await create({});
    expect(made.status).toBe(201);
    expect(made.headers["cache-control"]).toBe("no-store");
    expect(made.body.secret).toMatch(/^whsec_/);
    expect(made.body.destination).toMatchObject({
      name: "ops",
      address: "https://hooks.example",
      createdBy: "user:alice",
    });
    const rotated = await api.ask("POST", `${DESTINATIONS}/ops/rotate`, { headers: admin, body: {} });
    const changed = await api.ask("PUT", `${DESTINATIONS}/ops`, {
      headers: admin,
      body: { url: `${URL_WITH_SECRET}/2`, minSeverity: "warning" },
    });
    expect([rotated.status, changed.status]).toEqual([200, 200]);
    const tested = await api.ask("POST", `${DESTINATIONS}/ops/test`, { headers: admin });
    expect(tested.status).toBe(202);

    const answers = [made.text.replace(String(made.body.secret), ""), changed.text, tested.text];
    for (const url of [
      DESTINATIONS,
      `${DESTINATIONS}/ops`,
      `${BASE}/deliveries`,
      "/v1/audit?organisation=acme",
    ]) {
      answers.push((await api.ask("GET", url)).text);
    }
    const everywhere = [...answers, await everyRow(), api.log()].join("\n");
    for (const secret of [CANARY, String(made.body.secret), String(rotated.body.secret)]) {
      for (const form of formsOf(secret)) expect(everywhere).not.toContain(form);
    }
    expect(everywhere).toContain("destination.secret_rotated");
  });

  test("is sealed for itself alone: on another destination's row its secrets do not open", async () => {
    await create({});
    await create({ name: "twin" });
    const rows = await api.db.selectFrom("notification_destinations").selectAll().orderBy("name").execute();
    const [ops, twin] = rows;
    const sealing = destinationSealing(api.dependencies.keyring);
    expect(await sealing.open(api.db, ops?.id ?? "", ops?.sealed ?? Buffer.alloc(0))).toMatchObject({
      url: URL_WITH_SECRET,
    });
    await expect(sealing.open(api.db, twin?.id ?? "", ops?.sealed ?? Buffer.alloc(0))).rejects.toMatchObject({
      code: "secret_unreadable",
    });
  });

  test.each([
    ["https://169.254.169.254/", "not public"],
    ["https://[::ffff:127.0.0.1]/", "not public"],
    ["https://0x7f.1/", "not public"],
    ["https://2130706433/", "not public"],
    ["https://10.2.0.1/", "not public"],
    ["https://user:pass@receiver.example/", "password"],
    ["ftp://receiver.example/", "https://"],
    ["javascript:alert(1)", "https://"],
    ["https://receiver.example/\u0000", ""],
    ["not a url", "https://"],
  ])("cannot go to %s", async (url, why) => {
    const answer = await create({ url });
    expect(answer.status).toBe(422);
    expect(answer.body.issues[0]?.path).toBe("body.url");
    expect(answer.body.issues[0]?.message).toContain(why);
    await create({});
    const changed = await api.ask("PUT", `${DESTINATIONS}/ops`, { headers: admin, body: { url } });
    expect(changed.status).toBe(422);
  });

  test("may go to an allowed network, without https too", async () => {
    expect((await create({ url: "http://10.1.2.3:8080/" })).status).toBe(201);
  });

  test("has a name that no other one of its organisation has, until it is removed", async () => {
    expect((await create({})).status).toBe(201);
    expect((await create({})).body.code).toBe("already_exists");
    expect((await api.ask("DELETE", `${DESTINATIONS}/ops`, { headers: admin })).status).toBe(204);
    expect((await create({})).status).toBe(201);
  });

  test("without https is refused when no network is allowed", async () => {
    const other = await startTestApi();
    try {
      const answer = await other.ask("POST", "/v1/organisations/default/notifications/destinations", {
        body: { type: "webhook", name: "ops", url: "http://receiver.example/" },
      });
      expect([answer.status, answer.body.issues[0]?.path]).toEqual([422, "body.url"]);
      const email = await other.ask("POST", "/v1/organisations/default/notifications/destinations", {
        body: { type: "email", name: "ops", to: ["ops@example.test"] },
      });
      expect([email.status, email.body.code]).toEqual([409, "conflict"]);
    } finally {
      await other.close();
    }
  });
});

describe("e-mail", () => {
  const email = (to: unknown) =>
    api.ask("POST", DESTINATIONS, { headers: admin, body: { type: "email", name: "mail", to } });

  test("has no secret, and cannot be given a URL", async () => {
    const made = await email(["ops@example.test", "boss@example.test"]);
    expect(made.body).toMatchObject({
      secret: null,
      destination: { address: "ops@example.test, boss@example.test" },
    });
    const rotated = await api.ask("POST", `${DESTINATIONS}/mail/rotate`, { headers: admin, body: {} });
    expect(rotated.status).toBe(409);
    const changed = await api.ask("PUT", `${DESTINATIONS}/mail`, {
      headers: admin,
      body: { url: URL_WITH_SECRET },
    });
    expect([changed.status, changed.body.issues[0]?.path]).toEqual([422, "body.url"]);
  });

  test.each([
    [[]],
    [["no address"]],
    [["a@example.test\r\nBcc: evil@example.test"]],
    [["a@example.test, evil@example.test"]],
    [["Ops <a@example.test>"]],
    [Array.from({ length: 51 }, (_, index) => `a${index}@example.test`)],
  ])("cannot go to %j", async (to) => {
    expect((await email(to)).status).toBe(422);
  });
});

describe("who may", () => {
  test("a viewer and a deployer see destinations and messages, and change nothing", async () => {
    await create({});
    for (const role of ["viewer", "deployer"] as const) {
      const headers = bearer(await tokenOf(api, `the-${role}`, { acme: role }));
      expect((await api.ask("GET", DESTINATIONS, { headers })).status).toBe(200);
      const asked = [
        await create({ name: "mine" }, headers),
        await api.ask("PUT", `${DESTINATIONS}/ops`, { headers, body: { paused: true } }),
        await api.ask("POST", `${DESTINATIONS}/ops/test`, { headers }),
        await api.ask("POST", `${DESTINATIONS}/ops/rotate`, { headers, body: {} }),
        await api.ask("POST", `${DESTINATIONS}/ops/resend`, { headers }),
        await api.ask("DELETE", `${DESTINATIONS}/ops`, { headers }),
      ];
      expect(asked.map(({ status }) => status)).toEqual([403, 403, 403, 403, 403, 403]);
    }
  });

  test("a message of another organisation is not there, by its id either", async () => {
    await create({});
    const { body } = await api.ask("POST", `${DESTINATIONS}/ops/test`, { headers: admin });
    expect((await api.ask("GET", `${BASE}/deliveries/${body.id}`, { headers: admin })).status).toBe(200);
    const [eve, other] = [
      bearer(await tokenOf(api, "eve", { other: "admin" })),
      "/v1/organisations/other/notifications",
    ];
    for (const [method, url] of [
      ["GET", `${other}/deliveries/${body.id}`],
      ["POST", `${other}/deliveries/${body.id}/resend`],
      ["GET", `${other}/destinations/ops`],
      ["POST", `${other}/destinations/ops/resend`],
      ["GET", `${BASE}/deliveries`],
    ] as const) {
      expect((await api.ask(method, url, { headers: eve })).status, url).toBe(404);
    }
    expect((await api.ask("GET", `${other}/deliveries`, { headers: eve })).body.items).toEqual([]);
  });

  test("only the owner lets a destination hear of the installation", async () => {
    expect((await create({ installation: true })).status).toBe(403);
    expect((await create({})).status).toBe(201);
    const change = { body: { installation: true } };
    expect((await api.ask("PUT", `${DESTINATIONS}/ops`, { headers: admin, ...change })).status).toBe(403);
    expect((await api.ask("PUT", `${DESTINATIONS}/ops`, change)).body.installation).toBe(true);
  });
});

describe("changes", () => {
  test("are audited without an address, and what is left out stays", async () => {
    await create({ kinds: ["deployment.failed"], stacks: ["shop/*"], minSeverity: "warning" });
    const changed = await api.ask("PUT", `${DESTINATIONS}/ops`, {
      headers: admin,
      body: { kinds: null, paused: true },
    });
    expect(changed.body).toMatchObject({
      kinds: null,
      stacks: ["shop/*"],
      minSeverity: "warning",
      pausedBy: "user:alice",
    });
    expect((await api.ask("POST", `${DESTINATIONS}/ops/test`, { headers: admin })).body.code).toBe(
      "conflict",
    );
    await api.ask("PUT", `${DESTINATIONS}/ops`, { headers: admin, body: { paused: false } });
    await api.ask("DELETE", `${DESTINATIONS}/ops`, { headers: admin });
    const { body } = await api.ask("GET", "/v1/audit?organisation=acme&limit=20");
    const mine = body.items.filter(({ subject }) => subject === "acme/notifications/ops").slice(0, 5);
    expect(mine.map(({ action, principal }) => [action, principal])).toEqual(
      ["removed", "resumed", "paused", "changed", "created"].map((word) => [
        `destination.${word}`,
        "user:alice",
      ]),
    );
  });

  test.each([
    { kinds: [] },
    { kinds: ["no.kind"] },
    { stacks: ["shop"] },
    { stacks: ["a/b/c"] },
    { minSeverity: "loud" },
    { name: "Ops" },
    { name: "../x" },
    { surprise: true },
  ])("refuse %j", async (wrong) => {
    expect((await create(wrong)).status).toBe(422);
  });
});

test("deliveries come in pages, newest first, by status and destination", async () => {
  await create({});
  await create({ name: "quiet" });
  for (let index = 0; index < 5; index += 1)
    await api.ask("POST", `${DESTINATIONS}/ops/test`, { headers: admin });
  const first = await api.ask("GET", `${BASE}/deliveries?limit=2`, { headers: admin });
  const rest = await api.ask("GET", `${BASE}/deliveries?limit=10&after=${first.body.next}`, {
    headers: admin,
  });
  expect([first.body.items.length, rest.body.items.length, rest.body.next]).toEqual([2, 3, null]);
  expect(new Set([...first.body.items, ...rest.body.items].map(({ id }) => id)).size).toBe(5);
  for (const query of ["destination=quiet", "status=dead"]) {
    expect((await api.ask("GET", `${BASE}/deliveries?${query}`, { headers: admin })).body.items).toEqual([]);
  }
  expect((await api.ask("GET", `${BASE}/deliveries/${randomUUID()}`, { headers: admin })).status).toBe(404);
});

function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  return [secret, bytes.toString("base64").slice(0, 24), bytes.toString("hex")];
}

/** Every row of our tables and of the jobs'. */
async function everyRow(): Promise<string> {
  const { rows } = await sql<{ schema: string; name: string }>`
    select schemaname as schema, tablename as name from pg_tables where schemaname in ('public', 'pgboss')`.execute(
    api.db,
  );
  const texts = await Promise.all(
    rows.map(({ schema, name }) =>
      sql<{ row: string }>`select t::text as row from ${sql.table(`${schema}.${name}`)} t`.execute(api.db),
    ),
  );
  return texts.flatMap((table) => table.rows.map(({ row }) => row)).join("\n");
}
