import { expect, test } from "vitest";
import { LIMIT_MINUTES, PEER_MINUTES, timeLimit } from "./time-limit.mjs";

const parts = (factor: number) => [
  { name: "lint", minutes: (PEER_MINUTES / 2) * factor },
  { name: "types", minutes: (PEER_MINUTES / 2) * factor },
  { name: "unit", minutes: 100 },
];

test.each([
  ["as fast as where it was set", 1, LIMIT_MINUTES],
  ["half as slow again", 1.5, 1.5 * LIMIT_MINUTES],
  ["twice as fast", 0.5, LIMIT_MINUTES],
])("a machine that is %s gets its share of time", (_, factor, limit) => {
  expect(timeLimit(parts(factor)).limit).toBeCloseTo(limit);
});

test("without its peer a part of the checks gets no more", () => {
  expect(timeLimit([{ name: "end-to-end", minutes: 40 }])).toEqual({ peer: 0, limit: LIMIT_MINUTES });
});
