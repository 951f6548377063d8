import { formatAge } from "@slipway/automation/client";
import { useNow } from "./now.ts";

const AGE_INTERVAL_MS = 15_000;

/** How long ago an instant was; its exact time as a tooltip. */
export function Age({ at }: { at: string }) {
  const now = useNow(AGE_INTERVAL_MS);
  return (
    <time dateTime={at} title={new Date(at).toLocaleString()}>
      {formatAge(at, now)}
    </time>
  );
}
