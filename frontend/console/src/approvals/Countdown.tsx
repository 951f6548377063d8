import { formatDuration } from "@slipway/automation/client";
import { exactTime } from "../components/instants.ts";
import { useNow } from "../components/now.ts";

const TICK_MS = 1_000;
const MINUTE_MS = 60_000;

/** How long until an instant, in whole minutes until the last one; its exact time with its zone as a tooltip. */
export function Countdown({ to }: { to: string }) {
  const left = Date.parse(to) - useNow(TICK_MS);
  const text =
    left <= 0
      ? "now"
      : `in ${formatDuration(left > MINUTE_MS ? left - (left % MINUTE_MS) : left - (left % TICK_MS))}`;
  return (
    <time dateTime={to} title={exactTime(to)}>
      {text}
    </time>
  );
}
