/** Why an attempt stops before its end. `lost`: its lease is somebody else's, so it must not write anything any more. */
export type StopReason = "cancelled" | "drained" | "lost";

/** A one-way switch that remembers its first reason; only `lost` replaces another. */
export interface StopSwitch {
  readonly signal: AbortSignal;
  reason(): StopReason | null;
  stop(reason: StopReason): void;
}

export function createStopSwitch(): StopSwitch {
  const controller = new AbortController();
  let first: StopReason | null = null;
  return {
    signal: controller.signal,
    reason: () => first,
    stop(reason) {
      if (first === null || reason === "lost") first = reason;
      controller.abort();
    },
  };
}
