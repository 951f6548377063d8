import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { drain } from "./drain.ts";
import { createStopSwitch } from "./stop-reason.ts";

const NEVER_MS = 60_000;
const GRACE_MS = 7;

/** An attempt that ends when it is told to, and what was done to it. */
function attempt(): {
  one: Parameters<typeof drain>[0][number];
  end: () => void;
  interrupts: number[];
  reason: () => string | null;
} {
  const done = Promise.withResolvers<void>();
  const stop = createStopSwitch();
  const interrupts: number[] = [];
  const interrupt = (graceMs: number): void => {
    interrupts.push(graceMs);
    done.resolve();
  };
  return {
    one: { stop, ready: { containment: { interrupt } }, done: done.promise },
    end: done.resolve,
    interrupts,
    reason: stop.reason,
  };
}

const options = (drainMs: number, hurry = new AbortController().signal): Parameters<typeof drain>[1] => ({
  drainMs,
  cancelGraceMs: GRACE_MS,
  hurry,
});

test("attempts that end within the drain time are not interrupted", async () => {
  const [first, second] = [attempt(), attempt()];
  const drained = drain([first.one, second.one], options(NEVER_MS));
  first.end();
  await pause(20);
  second.end();
  await drained;
  expect([first, second].map(({ reason, interrupts }) => [reason(), interrupts])).toEqual([
    [null, []],
    [null, []],
  ]);
});

test("after the drain time what still runs is interrupted once, and it is waited for", async () => {
  const [quick, slow] = [attempt(), attempt()];
  quick.end();
  await drain([quick.one, slow.one], options(30));
  expect(slow.reason()).toBe("drained");
  expect(slow.interrupts).toEqual([GRACE_MS]);
});

test("who asks again waits no longer", async () => {
  const slow = attempt();
  const hurry = new AbortController();
  const drained = drain([slow.one], options(NEVER_MS, hurry.signal));
  await pause(20);
  expect(slow.reason()).toBeNull();
  hurry.abort();
  await drained;
  expect(slow.reason()).toBe("drained");
});

test("who has asked twice before it begins is not waited for either", async () => {
  const slow = attempt();
  await drain([slow.one], options(NEVER_MS, AbortSignal.abort()));
  expect(slow.interrupts).toEqual([GRACE_MS]);
});

test("an attempt that is being cancelled keeps its reason and its one interrupt", async () => {
  const cancelled = attempt();
  cancelled.one.stop.stop("cancelled");
  const drained = drain([cancelled.one], options(0));
  await pause(30);
  expect(cancelled.interrupts).toEqual([]);
  cancelled.end();
  await drained;
  expect(cancelled.reason()).toBe("cancelled");
});

test("without attempts there is nothing to wait for", async () => {
  await drain([], options(NEVER_MS));
});
