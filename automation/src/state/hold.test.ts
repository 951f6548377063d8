import { expect, test } from "vitest";
import { holdWhileDatabaseIsAway, isDatabaseAway } from "./hold.ts";

const failing = (code: string, message = "x"): Error => Object.assign(new Error(message), { code });
const never = new AbortController().signal;

test.each([
  ["refused", failing("ECONNREFUSED"), true],
  ["reset", failing("ECONNRESET"), true],
  ["shutting down", failing("57P01"), true],
  ["crashed", failing("57P02"), true],
  ["starting", failing("57P03"), true],
  ["a connection exception", failing("08006"), true],
  ["a connection that ended", new Error("Connection terminated unexpectedly"), true],
  ["a pool that cannot connect", new Error("timeout exceeded when trying to connect"), true],
  [
    "a connection that broke before a rollback",
    new Error("Client has encountered a connection error and is not queryable"),
    true,
  ],
  ["a violated constraint", failing("23505"), false],
  ["a cancelled statement", failing("57014"), false],
  ["a fault of ours", new TypeError("x is undefined"), false],
])("an error that says %s is told from one about the statement", (_what, error, isAway) => {
  expect(isDatabaseAway(error)).toBe(isAway);
});

test("work is done again until the database is back", async () => {
  let tries = 0;
  const answer = await holdWhileDatabaseIsAway(() => {
    tries += 1;
    return tries < 4 ? Promise.reject(failing("ECONNREFUSED")) : Promise.resolve("done");
  }, never);
  expect([answer, tries]).toEqual(["done", 4]);
});

test("an error about the statement is passed on at once", async () => {
  let tries = 0;
  const work = () => {
    tries += 1;
    return Promise.reject(failing("23505", "twice"));
  };
  await expect(holdWhileDatabaseIsAway(work, never)).rejects.toThrow("twice");
  expect(tries).toBe(1);
});

test("a database that stays away ends in an error that the CLI tries again, and so does a client that has gone", async () => {
  const work = () => Promise.reject(failing("57P03"));
  await expect(holdWhileDatabaseIsAway(work, never, 120)).rejects.toMatchObject({ code: "not_ready" });
  const gone = AbortSignal.timeout(60);
  const started = performance.now();
  await expect(holdWhileDatabaseIsAway(work, gone)).rejects.toMatchObject({ code: "not_ready" });
  expect(performance.now() - started).toBeLessThan(5_000);
});
