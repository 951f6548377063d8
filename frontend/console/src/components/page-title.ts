import { useEffect } from "react";

const PRODUCT = "Slipway";

/** Names the tab after what its page is about, so that one among many is found again; null before that is known. */
export function usePageTitle(name: string | null): void {
  useEffect(() => {
    document.title = name === null ? PRODUCT : `${name} · ${PRODUCT}`;
    return () => {
      document.title = PRODUCT;
    };
  }, [name]);
}
