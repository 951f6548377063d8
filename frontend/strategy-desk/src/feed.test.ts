import { expect, it } from "vitest";
import type { Ticks } from "./api.ts";
import { type Feed, pause, pollTicks } from "./feed.ts";

const tick = (at: string) => ({ at, quotes: [] });

it("polling asks after what it has seen, keeps its pauses, and outlives a failure", async () => {
  const answers: (Ticks | Error)[] = [
    { items: [tick("a")], next: "1", pollAfterMs: 20 },
    new Error("away"),
    { items: [], next: "2", pollAfterMs: 4_000 },
    { items: [tick("b"), tick("c")], next: "3", pollAfterMs: 20 },
  ];
  const stop = new AbortController();
  const asked: (string | null)[] = [];
  const pauses: number[] = [];
  const shown: string[] = [];
  let feed: Feed = { tick: undefined, state: "connecting" };
  await pollTicks({
    ask: async (after) => {
      asked.push(after);
      const answer = answers.shift();
      if (answers.length === 0) stop.abort();
      if (answer === undefined || answer instanceof Error) throw answer ?? new Error("asked too often");
      return answer;
    },
    show: (change) => {
      feed = change(feed);
      shown.push(`${feed.state} ${feed.tick?.at ?? "-"}`);
    },
    signal: stop.signal,
    pause: async (ms) => void pauses.push(ms),
  });
  expect(asked).toEqual([null, "1", "1", "2"]);
  expect(shown).toEqual(["live a", "interrupted a", "live a", "live c"]);
  expect(pauses).toEqual([1_000, 5_000, 4_000, 1_000]);
});

it("a pause ends at once when nobody waits any more", async () => {
  const stop = new AbortController();
  const waiting = pause(60_000, stop.signal);
  stop.abort();
  await waiting;
  await pause(60_000, stop.signal);
});
