import type { Actor } from "../access/rules.ts";
import { isSignInYounger } from "../access/sign-ins-store.ts";
import type { Database } from "../database.ts";
import { SlipwayError } from "../errors.ts";

/** What passes others by asks for a sign-in of so many minutes: a session that somebody left open for the day is not the person. */
export const FRESH_SIGN_IN_MINUTES = 5;

/** Throws SlipwayError `forbidden` for whoever is no person: a program must not answer for what nobody can undo, or for what gates could not tell. `what`: what only a person does, in words. */
export function requirePerson(actor: Actor | undefined, what: string): void {
  if (actor?.kind === "user" || actor?.kind === "owner") return;
  throw new SlipwayError("forbidden", `Only a person ${what}; ${actor?.name ?? "this"} is none.`, {
    remedy: "Have somebody who may deploy here look at it and decide.",
  });
}

/** The session of a person who signed in. Throws SlipwayError `sign_in_required` for every token: of a service account, a worker, an attempt, and also of the person. */
export function requireSignIn(actor: Actor): { id: string } {
  if (actor.signIn !== undefined && (actor.kind === "user" || actor.kind === "owner")) return actor.signIn;
  const isPerson = actor.kind === "user" || actor.kind === "owner";
  throw new SlipwayError(
    "sign_in_required",
    isPerson
      ? "A token is not a person: this is only done by somebody who signed in within the last 12 hours."
      : `${actor.name} is not a person: this is only done by somebody who signed in within the last 12 hours.`,
    {
      remedy: "Sign in: slipway login, or in the console; over HTTP POST /v1/sessions with a person's token.",
    },
  );
}

/** The session of a person who signed in a moment ago. Throws SlipwayError `sign_in_required`, also for a session that is older. */
export async function requireFreshSignIn(db: Database, actor: Actor): Promise<{ id: string }> {
  const signIn = requireSignIn(actor);
  if (await isSignInYounger(db, signIn.id, FRESH_SIGN_IN_MINUTES)) return signIn;
  throw new SlipwayError(
    "sign_in_required",
    `This is only done by somebody who signed in within the last ${FRESH_SIGN_IN_MINUTES} minutes.`,
    { remedy: "Sign in once more, and ask again at once: slipway login; over HTTP POST /v1/sessions." },
  );
}
