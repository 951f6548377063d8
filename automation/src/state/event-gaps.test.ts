import fc from "fast-check";
import { expect, test } from "vitest";
import { HOLE_WAIT_MS, type NumberedEvent, tellGaps } from "./event-gaps.ts";

const at = "2026-01-01T00:00:00.000Z";
const body = { type: "engine", step: "update", state: "started" } as const;
const event = (sequence: number, more: Partial<NumberedEvent> = {}): NumberedEvent => ({
  sequence,
  at,
  body,
  missingFrom: sequence,
  ageMs: 0,
  ...more,
});

test("what follows a young hole waits for it while the update runs", () => {
  const events = [event(1), event(4, { missingFrom: 2, ageMs: HOLE_WAIT_MS - 1 }), event(5)];
  expect(tellGaps(events, false)).toEqual({ items: [{ sequence: 1, at, body }], held: true });
});

test.each([
  ["an old hole", HOLE_WAIT_MS, false],
  ["a hole of an update that has ended", 0, true],
])("%s is told as a gap before what follows it", (_, ageMs, ended) => {
  expect(tellGaps([event(1), event(4, { missingFrom: 2, ageMs })], ended)).toEqual({
    items: [
      { sequence: 1, at, body },
      { sequence: 3, at, body: { type: "gap", from: 2, to: 3 } },
      { sequence: 4, at, body },
    ],
    held: false,
  });
});

test("an event that says nothing to people is no gap, and a hole before it is told all the same", () => {
  expect(tellGaps([event(2, { body: null, missingFrom: 1 })], true).items).toEqual([
    { sequence: 1, at, body: { type: "gap", from: 1, to: 1 } },
  ]);
});

test("whichever events are lost, what is told and the gaps together are every number once, in order", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 60 })), (numbers) => {
      const kept = numbers.toSorted((a, b) => a - b);
      const events = kept.map((sequence, index) =>
        event(sequence, { missingFrom: (kept[index - 1] ?? 0) + 1 }),
      );
      const told = tellGaps(events, true).items.flatMap(({ sequence, body: said }) =>
        said.type === "gap"
          ? Array.from({ length: said.to - said.from + 1 }, (_, index) => said.from + index)
          : [sequence],
      );
      expect(told).toEqual(Array.from({ length: kept.at(-1) ?? 0 }, (_, index) => index + 1));
    }),
  );
});
