import { randomUUID } from "node:crypto";
import type { FastifyInstance } from "fastify";
import { appendAudit } from "../audit/store.ts";
import { endpoints } from "../contract/endpoints.ts";
import { InstantPlace } from "../database/instant-cursor.ts";
import type { Database, Transaction } from "../database.ts";
import { withTransaction } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import { decodeCursor, pageFrom } from "../http/cursor.ts";
import { serve } from "../http/endpoint.ts";
import { findPrincipal } from "./principals-store.ts";
import type { Actor, TokenHolder } from "./rules.ts";
import { canManageTokens, INSTALLATION, managedOrganisations } from "./rules.ts";
import { hashToken, makeToken } from "./token.ts";
import { insertToken, listTokens, lockToken, revokeToken } from "./tokens-store.ts";

/** Routes of tokens. A value is answered once, by the request that made it: it is in no log, no audit entry and no table. */
export function tokenRoutes(app: FastifyInstance, { db }: { db: Database }): void {
  serve(app, endpoints.listTokens, async ({ query, actor }) => {
    const rows = await listTokens(db, {
      of:
        actor.kind === "owner" ? "all" : { principal: actor.id, organisations: managedOrganisations(actor) },
      ended: query.ended === "true",
      after: decodeCursor(query.after, InstantPlace),
      limit: query.limit,
    });
    return pageFrom(
      rows,
      query.limit,
      ({ place: _, ...token }) => token,
      ({ place }) => place,
    );
  });

  serve(app, endpoints.createToken, async ({ body, actor, caller, reply }) =>
    withTransaction(db, async (trx) => {
      const holder = await holderOf(trx, actor, body.principal);
      const value = makeToken(holder.kind);
      const token = await insertToken(trx, {
        id: randomUUID(),
        holder,
        hash: hashToken(value),
        name: body.name,
        days: body.expiresInDays,
        createdBy: caller.principal,
      });
      await appendAudit(trx, {
        ...caller,
        action: "token.created",
        organisation: holder.organisation ?? INSTALLATION.organisation,
        subject: holder.id,
        details: { token: token.id, name: token.name, expiresAt: token.expiresAt },
      });
      reply.header("cache-control", "no-store");
      return { ...token, value };
    }),
  );

  serve(app, endpoints.revokeToken, async ({ params, actor, caller }) =>
    withTransaction(db, async (trx) => {
      const found = await lockToken(trx, params.id);
      // Whoever holds a token may end it, also who may not make one.
      if (found === undefined || !(canManageTokens(actor, found.holder) || found.holder.id === actor.id)) {
        throw new SlipwayError("not_found", `There is no token ${params.id}.`, {
          remedy: "GET /v1/tokens lists them.",
        });
      }
      const { token, holder } = found;
      if (token.kind === "owner" && token.name === null) {
        throw new SlipwayError("conflict", "This is the owner's token in the data folder.", {
          remedy:
            "Delete the file owner-token and start again: another one is made, and all others of the owner are revoked.",
        });
      }
      if (token.revokedAt !== null) return null;
      await revokeToken(trx, token.id);
      await appendAudit(trx, {
        ...caller,
        action: "token.revoked",
        organisation: holder.organisation ?? INSTALLATION.organisation,
        subject: holder.id,
        details: { token: token.id, name: token.name },
      });
      return null;
    }),
  );
}

/** Whose token it is to be. What the caller may not make one for is answered as one that is not there. */
async function holderOf(trx: Transaction, actor: Actor, named: string | undefined): Promise<TokenHolder> {
  if (named === undefined) {
    if (actor.kind === "owner" || actor.kind === "user")
      return { id: actor.id, kind: actor.kind, organisation: null };
    throw new SlipwayError("forbidden", `${actor.name} makes no tokens for itself.`, {
      remedy: "Ask an admin of its organisation.",
    });
  }
  const [kind = "", rest = ""] = named.split(":");
  const [organisation = "", name = ""] = rest.split("/");
  const holder = await findPrincipal(
    trx,
    kind === "user" ? { kind, name: rest } : { kind: "service", organisation, name },
  );
  if (holder !== undefined && canManageTokens(actor, holder)) return holder;
  throw new SlipwayError("not_found", `There is no principal ${named} that you could make a token for.`, {
    remedy:
      "An admin adds people and service accounts: slipway members set. People make their own tokens; their first one comes from the owner.",
  });
}
