import { formatDuration } from "../client/formats.ts";
import type { Deployment } from "../contract/deployments.ts";

/** What a queued deployment waits for, and when it will probably start. `now` in milliseconds since 1970. */
export function waitingLine(
  { detail, expectedStartAt }: NonNullable<Deployment["waiting"]>,
  now: number,
): string {
  if (expectedStartAt === null) return detail;
  const left = Date.parse(expectedStartAt) - now;
  return left < 1_000 ? detail : `${detail} It should start in about ${formatDuration(left)}.`;
}
