import { formatAge } from "@slipway/automation/client";
import { exactTime } from "./instants.ts";
import { useNow } from "./now.ts";

const AGE_INTERVAL_MS = 15_000;

/** How long ago an instant was; its exact time with its zone as a tooltip. */
export function Age({ at }: { at: string }) {
  const now = useNow(AGE_INTERVAL_MS);
  return (
    <time dateTime={at} title={exactTime(at)}>
      {formatAge(at, now)}
    </time>
  );
}
