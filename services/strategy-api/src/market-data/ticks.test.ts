import { describe, expect, it } from "vitest";
import { INSTRUMENTS } from "./instruments.ts";
import { firstTick, MAX_REPLAYED_TICKS, tickEvents, ticksAfter } from "./ticks.ts";

describe("where a stream begins", () => {
  it.each([
    ["a new reader: the present", undefined, 1000],
    ["a reader that missed three: the first of them", 997, 998],
    ["a reader that missed nothing: the next one", 1000, 1001],
    ["a reader that was away for long: the oldest that is replayed", 1, 1000 - MAX_REPLAYED_TICKS + 1],
    ["an id from the future: the next one", 5000, 1001],
  ])("%s", (_, lastSeen, expected) => {
    expect(firstTick(1000, lastSeen)).toBe(expected);
  });
});

describe("polling", () => {
  const ask = (lastEventId: number | undefined, nowMs: number) =>
    ticksAfter({ instruments: INSTRUMENTS.slice(0, 1), tickMs: 500, lastEventId, nowMs });

  it("gives the newest tick at first, then each tick once", () => {
    const first = ask(undefined, 10_200);
    expect(first).toMatchObject({ next: 10_000, pollAfterMs: 300 });
    expect(first.items.map((tick) => Date.parse(tick.at))).toEqual([10_000]);
    const second = ask(first.next, 11_100);
    expect(second.items.map((tick) => Date.parse(tick.at))).toEqual([10_500, 11_000]);
    expect(ask(second.next, 11_400).items).toEqual([]);
  });

  it("skips what was missed for long", () => {
    expect(ask(0, 1_000_000).items).toHaveLength(MAX_REPLAYED_TICKS);
  });
});

describe("tick events", () => {
  async function collect(count: number, lastEventId: number | undefined) {
    const stop = new AbortController();
    const events: string[] = [];
    const options = {
      instruments: INSTRUMENTS.slice(0, 2),
      tickMs: 20,
      nowMs: Date.now,
      signal: stop.signal,
    };
    for await (const event of tickEvents({ ...options, lastEventId })) {
      if (event.startsWith("id: ")) events.push(event);
      if (events.length === count) stop.abort();
    }
    return events;
  }
  const idOf = (event: string | undefined) => Number(/^id: (\d+)/.exec(event ?? "")?.[1]);

  it("have no gap after a resume, and the same prices for the same tick", async () => {
    const first = await collect(5, undefined);
    const again = await collect(4, idOf(first[0]));
    expect(again).toEqual(first.slice(1));
    expect(first.slice(1).map((event, index) => idOf(event) - idOf(first[index]))).toEqual([20, 20, 20, 20]);
  });

  it("end at once when the signal aborts between ticks", async () => {
    const stop = new AbortController();
    const started = performance.now();
    setTimeout(() => stop.abort(), 30);
    let count = 0;
    const options = { instruments: INSTRUMENTS, tickMs: 60_000, nowMs: Date.now, lastEventId: undefined };
    for await (const _ of tickEvents({ ...options, signal: stop.signal })) count += 1;
    expect(count).toBe(2);
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});
