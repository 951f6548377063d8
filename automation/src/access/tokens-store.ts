import { sql } from "kysely";
import type { AccessToken } from "../contract/access.ts";
import type { InstantPlace } from "../database/instant-cursor.ts";
import { isAfter, placeInstant } from "../database/instant-cursor.ts";
import type { Database, Transaction } from "../database.ts";
import type { TokenHolder } from "./rules.ts";

/** A token with its place in the list. */
export interface ListedToken extends AccessToken {
  place: InstantPlace;
}

/** Adds a token of a principal; `days` is its life by the database's clock. */
export async function insertToken(
  trx: Transaction,
  token: { id: string; holder: TokenHolder; hash: Buffer; name: string; days: number; createdBy: string },
): Promise<AccessToken> {
  const row = await trx
    .insertInto("tokens")
    .values({
      id: token.id,
      principal: token.holder.id,
      kind: token.holder.kind,
      hash: token.hash,
      name: token.name,
      created_by: token.createdBy,
      expires_at: sql<Date>`now() + ${token.days} * interval '1 day'`,
    })
    .returning(["id", "principal", "kind", "name", "created_at", "expires_at", "revoked_at"])
    .executeTakeFirstOrThrow();
  return toToken(row);
}

/** What an `AccessToken` is made of. */
const TOKEN_COLUMNS = [
  "tokens.id",
  "tokens.principal",
  "tokens.kind",
  "tokens.name",
  "tokens.created_at",
  "tokens.expires_at",
  "tokens.revoked_at",
] as const;

/** Tokens of people, service accounts and the owner, newest first, one more than asked for when there are more. */
export async function listTokens(
  db: Database,
  query: {
    /** Whose: everybody's, or of one principal and of the service accounts of organisations. */
    of: "all" | { principal: string; organisations: readonly string[] };
    /** Also those that were revoked or have expired. */
    ended: boolean;
    after: InstantPlace | undefined;
    limit: number;
  },
): Promise<ListedToken[]> {
  const { of, ended, after, limit } = query;
  const rows = await db
    .selectFrom("tokens")
    .innerJoin("principals", "principals.id", "tokens.principal")
    .select([...TOKEN_COLUMNS, placeInstant("tokens.created_at").as("place")])
    .$if(of !== "all", (q) => {
      const { principal, organisations } = of === "all" ? { principal: "", organisations: [] } : of;
      return q.where((eb) =>
        eb.or([
          eb("principals.id", "=", principal),
          eb("principals.organisation", "=", sql<string>`any(${organisations})`),
        ]),
      );
    })
    .$if(!ended, (q) =>
      q
        .where("tokens.revoked_at", "is", null)
        .where((eb) =>
          eb.or([eb("tokens.expires_at", "is", null), eb("tokens.expires_at", ">", sql<Date>`now()`)]),
        ),
    )
    .$if(after !== undefined, (q) =>
      q.where(isAfter("tokens.created_at", "tokens.id", after as InstantPlace)),
    )
    .orderBy("tokens.created_at", "desc")
    .orderBy("tokens.id", "desc")
    .limit(limit + 1)
    .execute();
  return rows.map(({ place, ...row }) => ({ ...toToken(row), place: [place, row.id] }));
}

/** A token and who holds it, locked until the end of the transaction. */
export async function lockToken(
  trx: Transaction,
  id: string,
): Promise<{ token: AccessToken; holder: TokenHolder } | undefined> {
  const row = await trx
    .selectFrom("tokens")
    .innerJoin("principals", "principals.id", "tokens.principal")
    .select([...TOKEN_COLUMNS, "principals.kind as holderKind", "principals.organisation"])
    .where("tokens.id", "=", id)
    .forUpdate("tokens")
    .executeTakeFirst();
  if (row === undefined) return undefined;
  const holder = { id: row.principal, kind: row.holderKind, organisation: row.organisation };
  return { token: toToken(row), holder };
}

/** Revokes a token by the database's clock. */
export async function revokeToken(trx: Transaction, id: string): Promise<void> {
  await trx.updateTable("tokens").set({ revoked_at: sql<Date>`now()` }).where("id", "=", id).execute();
}

interface Row {
  id: string;
  principal: string;
  kind: string;
  name: string | null;
  created_at: Date;
  expires_at: Date | null;
  revoked_at: Date | null;
}

function toToken(row: Row): AccessToken {
  return {
    id: row.id,
    principal: row.principal,
    kind: row.kind === "owner" || row.kind === "service" ? row.kind : "user",
    name: row.name,
    createdAt: row.created_at.toISOString(),
    expiresAt: row.expires_at?.toISOString() ?? null,
    revokedAt: row.revoked_at?.toISOString() ?? null,
  };
}
