import { useSyncExternalStore } from "react";

const KEY = "slipway.token";

export interface Session {
  readonly token: string | null;
  /** Why there is no token any more, when the server refused it. */
  readonly refused: boolean;
}

let session: Session = { token: null, refused: false };
const listeners = new Set<() => void>();

function change(next: Session): void {
  session = next;
  for (const listener of listeners) listener();
}

/** The token in a URL fragment such as `#token=abc`, or null. */
export function tokenInFragment(hash: string): string | null {
  const token = new URLSearchParams(hash.replace(/^#/, "")).get("token")?.trim();
  return token === undefined || token === "" ? null : token;
}

/** Takes the token from the page's address, and out of it (history and screenshots keep addresses), else what was stored. */
export function openSession(): void {
  const given = tokenInFragment(window.location.hash);
  if (given !== null) {
    window.history.replaceState(null, "", window.location.pathname + window.location.search);
    signIn(given, false);
    return;
  }
  change({ token: sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY), refused: false });
}

/** Keeps the token for this tab, or with `remember` for this browser. */
export function signIn(token: string, remember: boolean): void {
  forget();
  (remember ? localStorage : sessionStorage).setItem(KEY, token);
  change({ token, refused: false });
}

export function signOut(): void {
  forget();
  change({ token: null, refused: false });
}

/** The server does not know this token. */
export function tokenRefused(): void {
  if (session.token === null) return;
  forget();
  change({ token: null, refused: true });
}

function forget(): void {
  sessionStorage.removeItem(KEY);
  localStorage.removeItem(KEY);
}

export function useSession(): Session {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => session,
  );
}
