import type { Socket } from "node:net";
import { connect, createServer } from "node:net";
import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { TestApi } from "../../../test/helpers/api.ts";
import { startTestApi } from "../../../test/helpers/api.ts";
import { queueDeployment, stackClient, testClaimer } from "../../../test/helpers/state-client.ts";
import type { Claim } from "../attempts/store.ts";
import { systemClock } from "../clock.ts";
import type { OpenDatabase } from "../database.ts";
import { openDatabase } from "../database.ts";
import { appendEvents } from "../deployments/events-store.ts";
import { readEvents } from "../deployments/store.ts";
import { openEventWriter } from "./event-writer.ts";

let api: TestApi;
let proxy: Awaited<ReturnType<typeof startProxy>>;
let open: OpenDatabase;
let claim: Claim;
beforeAll(async () => {
  api = await startTestApi();
  const { stackId } = await stackClient(api, "written");
  await queueDeployment(api, stackId);
  const claimed = await (await testClaimer(api))();
  if (claimed === null) throw new Error("nothing could be claimed");
  claim = claimed;
});
beforeEach(async () => {
  // Each test is the one writer of the attempt.
  await sql`update attempts set events_written = 0 where id = ${claim.attemptId}`.execute(api.db);
  proxy = await startProxy(new URL(api.databaseUrl));
  open = openDatabase(proxy.url, { applicationName: "slipway-test" });
  return async () => {
    await open.close();
    await proxy.close();
  };
});
afterAll(() => api.close());

const say = (line: string) => ({ type: "output", step: "update", stream: "stdout", line }) as const;

async function linesStored(): Promise<string[]> {
  const events = await readEvents(api.db, claim.deploymentId, { after: 0, limit: 100 });
  expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index + 1));
  return events.flatMap(({ body }) => (body.type === "output" ? [body.line] : []));
}

test("events that were emitted while the database was away are stored once it is back", async () => {
  const events = openEventWriter(open.db, claim, systemClock, () => undefined);
  proxy.isAway = true;
  events.emit(say("away"));
  const flushed = events.flush();
  await expect.poll(() => proxy.refused).toBeGreaterThan(1);
  expect(await linesStored()).not.toContain("away");
  proxy.isAway = false;
  await flushed;
  expect((await linesStored()).filter((line) => line === "away")).toHaveLength(1);
});

test("events whose commit was not heard of are not stored a second time", async () => {
  const events = openEventWriter(open.db, claim, systemClock, () => undefined);
  events.emit(say("heard"));
  await events.flush();
  proxy.losesReplies = true;
  events.emit(say("unheard"));
  const flushed = events.flush();
  await expect.poll(() => proxy.lost).toBeGreaterThan(0);
  await expect.poll(linesStored).toContain("unheard");
  proxy.losesReplies = false;
  events.emit(say("later"));
  await flushed;
  await events.flush();
  expect((await linesStored()).filter((line) => line !== "away")).toEqual(["heard", "unheard", "later"]);
});

test("a batch that is sent again while an earlier try is still under way is stored once, whichever comes first", async () => {
  const target = { deploymentId: claim.deploymentId, attempt: claim.attempt, fence: claim, written: 0 };
  const batch = ["one", "two"].map((line) => ({ at: new Date().toISOString(), body: say(line) }));
  const tries = await Promise.all(Array.from({ length: 8 }, () => appendEvents(api.db, target, batch)));
  expect(tries).toEqual(tries.map(() => true));
  expect((await linesStored()).slice(-3)).toEqual(["later", "one", "two"]);
  // So late that others have come since.
  expect(
    await appendEvents(api.db, { ...target, written: 2 }, [
      { at: new Date().toISOString(), body: say("three") },
    ]),
  ).toBe(true);
  expect(await appendEvents(api.db, target, batch)).toBe(true);
  expect((await linesStored()).slice(-3)).toEqual(["one", "two", "three"]);
});

/** Stands between a client and Postgres: refuses connections while `isAway`, and cuts them instead of passing on a reply while `losesReplies`. */
async function startProxy(to: URL) {
  const sockets = new Set<Socket>();
  const state = { isAway: false, losesReplies: false, refused: 0, lost: 0 };
  const server = createServer((inner) => {
    if (state.isAway) {
      state.refused += 1;
      inner.destroy();
      return;
    }
    const outer = connect(Number(to.port), to.hostname);
    for (const socket of [inner, outer]) sockets.add(socket);
    const end = (): void => {
      for (const socket of [inner, outer]) {
        socket.destroy();
        sockets.delete(socket);
      }
    };
    inner.on("data", (data) => outer.write(data));
    outer.on("data", (data) => {
      if (!state.losesReplies) {
        inner.write(data);
        return;
      }
      state.lost += 1;
      end();
    });
    for (const socket of [inner, outer]) socket.on("error", end).on("close", end);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the proxy has no port");
  const url = new URL(to);
  url.hostname = "127.0.0.1";
  url.port = String(address.port);
  return Object.assign(state, {
    url: url.href,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}
