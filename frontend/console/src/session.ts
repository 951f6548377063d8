import { useSyncExternalStore } from "react";

const KEY = "slipway.token";
const SIGN_IN_KEY = "slipway.sign-in";

/** A sign-in of some hours, which votes need; a token alone says only that it was stored once. */
interface SignIn {
  readonly value: string;
  readonly expiresAt: string;
}

export interface Session {
  /** What requests carry: the sign-in while it lasts, else the token. */
  readonly token: string | null;
  /** Until when the sign-in lasts; null: there is none. */
  readonly signedInUntil: string | null;
  /** The token was just given: with it the person is to be signed in. */
  readonly isNew: boolean;
  /** Why there is no token any more, when the server refused it. */
  readonly refused: boolean;
}

const NOBODY: Session = { token: null, signedInUntil: null, isNew: false, refused: false };
let session: Session = NOBODY;
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
  change(stored());
}

function stored(): Session {
  const token = sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY);
  const signedIn = token === null ? null : storedSignIn();
  return {
    token: signedIn?.value ?? token,
    signedInUntil: signedIn?.expiresAt ?? null,
    isNew: false,
    refused: false,
  };
}

function storedSignIn(): SignIn | null {
  const text = sessionStorage.getItem(SIGN_IN_KEY) ?? localStorage.getItem(SIGN_IN_KEY);
  if (text === null) return null;
  const [value = "", expiresAt = ""] = text.split(" ");
  return Date.parse(expiresAt) > Date.now() ? { value, expiresAt } : null;
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
  change({ ...stored(), isNew: true });
}

/** The token is of somebody who cannot be signed in, such as a service account: it is used as it is. */
export function stayWithToken(): void {
  change(stored());
}

/** Keeps a sign-in where the token is kept: requests carry it from now on. */
export function keepSignIn({ value, expiresAt }: SignIn): void {
  const place = localStorage.getItem(KEY) === null ? sessionStorage : localStorage;
  place.setItem(SIGN_IN_KEY, `${value} ${expiresAt}`);
  change(stored());
}

export function signOut(): void {
  forget();
  change(NOBODY);
}

/** The server does not know what was sent. When that was a sign-in, what is left is the token. */
export function tokenRefused(): void {
  if (session.token === null) return;
  const wasSignIn = session.signedInUntil !== null;
  forgetSignIn();
  if (wasSignIn && stored().token !== null) {
    change(stored());
    return;
  }
  forget();
  change({ ...NOBODY, refused: true });
}

function forget(): void {
  sessionStorage.removeItem(KEY);
  localStorage.removeItem(KEY);
  forgetSignIn();
}

function forgetSignIn(): void {
  sessionStorage.removeItem(SIGN_IN_KEY);
  localStorage.removeItem(SIGN_IN_KEY);
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
