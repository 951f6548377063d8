import type { Database } from "../database.ts";
import type { Actor } from "./rules.ts";
import { findActorOfSignIn } from "./sign-ins-store.ts";
import { findActorOfAttempt, findActorOfToken } from "./store.ts";
import { hashToken, kindOfToken } from "./token.ts";

/**
 * Whoever a token belongs to, with all that decides what it may do; undefined for anything that is no token, is not known, was
 * revoked, has expired, belongs to a removed principal or to an attempt that no longer holds its stack.
 */
export async function actorOf(db: Database, token: string): Promise<Actor | undefined> {
  const kind = kindOfToken(token);
  if (kind === undefined) return undefined;
  const hash = hashToken(token);
  switch (kind) {
    case "attempt":
      return findActorOfAttempt(db, hash);
    case "session":
      return findActorOfSignIn(db, hash);
    default:
      return findActorOfToken(db, hash);
  }
}
