import { formatDuration } from "@slipway/automation/client";
import { useNow } from "./now.ts";

const TICK_MS = 500;

/** The time between two instants, or since the first one while there is no second. */
export function Elapsed({ from, to }: { from: string | null; to: string | null }) {
  if (from === null) return <>–</>;
  if (to === null) return <Running from={from} />;
  return <>{formatDuration(Date.parse(to) - Date.parse(from))}</>;
}

function Running({ from }: { from: string }) {
  return <>{formatDuration(useNow(TICK_MS) - Date.parse(from))}</>;
}
