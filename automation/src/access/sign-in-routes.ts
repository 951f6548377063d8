import { randomUUID } from "node:crypto";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { appendAudit } from "../audit/store.ts";
import type { SignIn } from "../contract/approvals.ts";
import { endpoints } from "../contract/endpoints.ts";
import type { Database } from "../database.ts";
import { withTransaction } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import { serve } from "../http/endpoint.ts";
import type { Actor } from "./rules.ts";
import { INSTALLATION } from "./rules.ts";
import { endSignIn, findSignIn, insertSignIn, SIGN_IN_HOURS } from "./sign-ins-store.ts";
import { hashToken, makeToken } from "./token.ts";

/** Routes of sign-ins. A value is answered once: it is in no log, no audit entry and no table. */
export function signInRoutes(app: FastifyInstance, { db }: { db: Database }): void {
  serve(app, endpoints.signIn, async ({ actor, caller, request, reply }) => {
    const value = makeToken("session");
    const signedIn = await withTransaction(db, async (trx) => {
      const made =
        actor.signIn === undefined
          ? await insertSignIn(trx, {
              id: randomUUID(),
              hash: hashToken(value),
              tokenHash: hashToken(tokenOf(request)),
            })
          : undefined;
      if (made === undefined) throw refuseSignIn(actor);
      await appendAudit(trx, {
        ...caller,
        action: "sign_in.made",
        organisation: INSTALLATION.organisation,
        subject: made.principal,
        details: { signIn: made.id, expiresAt: made.expiresAt, address: request.ip },
      });
      return made;
    });
    reply.header("cache-control", "no-store");
    return { ...signedIn, value };
  });

  serve(app, endpoints.getSignIn, async ({ actor }) => current(actor, db));

  serve(app, endpoints.signOut, async ({ actor, caller }) =>
    withTransaction(db, async (trx) => {
      const { id, principal } = await current(actor, trx);
      await endSignIn(trx, id);
      await appendAudit(trx, {
        ...caller,
        action: "sign_in.ended",
        organisation: INSTALLATION.organisation,
        subject: principal,
        details: { signIn: id },
      });
      return null;
    }),
  );
}

async function current(actor: Actor, db: Database): Promise<SignIn> {
  const found = actor.signIn === undefined ? undefined : await findSignIn(db, actor.signIn.id);
  if (found !== undefined) return found;
  throw new SlipwayError("not_found", "The request carries a token, and no session.", {
    remedy: "POST /v1/sessions with a person's token makes one.",
  });
}

function refuseSignIn(actor: Actor): SlipwayError {
  if (actor.signIn !== undefined) {
    return new SlipwayError("forbidden", "A session cannot be prolonged by itself.", {
      remedy: `Sign in again with a token: a session lasts ${SIGN_IN_HOURS} hours.`,
    });
  }
  return new SlipwayError("forbidden", `${actor.name} is not a person, and cannot sign in.`, {
    remedy: "Sign in with the token of a person: slipway tokens create.",
  });
}

function tokenOf(request: FastifyRequest): string {
  return /^Bearer (\S+)$/i.exec(request.headers.authorization ?? "")?.[1] ?? "";
}
