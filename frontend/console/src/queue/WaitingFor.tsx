import { formatDuration } from "@slipway/automation/client";
import type { Deployment } from "@slipway/automation/contract";
import { useNow } from "../components/now.ts";

const SOON_MS = 1_000;

/** What a queued deployment waits for, and when it will probably start. */
export function WaitingFor({ waiting }: { waiting: NonNullable<Deployment["waiting"]> }) {
  const now = useNow(1_000);
  const left = waiting.expectedStartAt === null ? 0 : Date.parse(waiting.expectedStartAt) - now;
  return (
    <>
      {waiting.detail}
      {left > SOON_MS && ` It should start in about ${formatDuration(left)}.`}
    </>
  );
}
