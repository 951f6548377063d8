import { useSyncExternalStore } from "react";

/** Whether the tab is the one that somebody looks at. */
export function useIsShown(): boolean {
  return useSyncExternalStore(
    (listener) => {
      document.addEventListener("visibilitychange", listener);
      return () => document.removeEventListener("visibilitychange", listener);
    },
    () => document.visibilityState === "visible",
  );
}
