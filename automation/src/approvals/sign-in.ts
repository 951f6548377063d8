import type { Actor } from "../access/rules.ts";
import { SlipwayError } from "../errors.ts";

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
