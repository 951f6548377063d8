import { z } from "zod";

/**
 * The version of the order protocol that this build speaks to its execution venue. The venue is simulated and part of the
 * service, but it refuses versions it does not know as a real one would; see ACCEPTED_VENUE_PROTOCOLS.
 */
const VENUE_PROTOCOL = 3;
const ACCEPTED_VENUE_PROTOCOLS: readonly number[] = [3, 4];

export const ReadinessCheck = z.object({ name: z.string(), passed: z.boolean(), detail: z.string() });
export type ReadinessCheck = z.output<typeof ReadinessCheck>;

/** Whether a venue that accepts some protocol versions would take orders from a build that speaks `spoken`. */
export function venueCheck(spoken: number, accepted: readonly number[]): ReadinessCheck {
  const passed = accepted.includes(spoken);
  const offer = accepted.join(" and ");
  return {
    name: "execution-venue",
    passed,
    detail: passed
      ? `The venue accepts order protocol ${spoken}.`
      : `The venue refuses order protocol ${spoken}; it accepts ${offer}.`,
  };
}

/** What must hold before the service should get traffic, besides its components working. */
export function readinessChecks(executionMode: string): ReadinessCheck[] {
  return [
    venueCheck(VENUE_PROTOCOL, ACCEPTED_VENUE_PROTOCOLS),
    { name: "execution-mode", passed: true, detail: `Orders are filled in ${executionMode} mode.` },
  ];
}
