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

/** Takes the token from the page's address, else what was stored; also from an address pasted into an open page. */
export function openSession(): void {
  // Such an address differs in its fragment alone: the browser does not load the page again.
  window.addEventListener("hashchange", takeFromAddress);
  if (takeFromAddress()) return;
  change({ token: sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY), refused: false });
}

/** Signs in with the token of the address and takes it out of there: history and screenshots keep addresses. */
function takeFromAddress(): boolean {
  const given = tokenInFragment(window.location.hash);
  if (given === null) return false;
  window.history.replaceState(window.history.state, "", window.location.pathname + window.location.search);
  signIn(given, false);
  return true;
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
