import { createHash } from "node:crypto";
import type { Timing } from "./rules.ts";
import { slotsAfter } from "./rules.ts";

/** When a slot is due: moved by a part of the jitter that is the same whoever computes it. */
export function dueAt(scheduleId: string, slot: Date, jitterSeconds: number): Date {
  const hash = createHash("sha256").update(`${scheduleId} ${slot.toISOString()}`).digest();
  return new Date(slot.getTime() + (hash.readUInt32BE(0) % (jitterSeconds + 1)) * 1_000);
}

/** The next slot after an instant with the time at which it is due; null when none comes. */
export function nextSlot(scheduleId: string, timing: Timing, after: Date): { slot: Date; at: Date } | null {
  const [slot] = slotsAfter(timing, after, 1);
  return slot === undefined ? null : { slot, at: dueAt(scheduleId, slot, timing.jitterSeconds) };
}
