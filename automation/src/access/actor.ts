import type { Database } from "../database.ts";
import type { Actor } from "./rules.ts";
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
  return kind === "attempt" ? findActorOfAttempt(db, hash) : findActorOfToken(db, hash);
}
