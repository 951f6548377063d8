import { timingSafeEqual } from "node:crypto";
import type { Principal } from "../contract/access.ts";
import type { Database, Transaction } from "../database.ts";

/** The principal of a token's hash, or undefined when there is none or it was revoked. */
export async function findPrincipal(db: Database, hash: Buffer): Promise<Principal | undefined> {
  const row = await db
    .selectFrom("tokens")
    .select(["principal", "kind", "hash"])
    .where("hash", "=", hash)
    .where("revoked_at", "is", null)
    .executeTakeFirst();
  if (row === undefined || !timingSafeEqual(row.hash, hash)) return undefined;
  return { id: row.principal, kind: row.kind, name: row.principal };
}

/** Adds the owner's token and answers true, or false when it is known. With `replacing`, all other tokens of the owner are revoked. */
export async function putOwnerToken(
  trx: Transaction,
  token: { id: string; hash: Buffer; replacing: boolean; now: Date },
): Promise<boolean> {
  const added = await trx
    .insertInto("tokens")
    .values({ id: token.id, principal: "owner", kind: "owner", hash: token.hash })
    .onConflict((conflict) => conflict.column("hash").doNothing())
    .returning("id")
    .executeTakeFirst();
  if (added === undefined) return false;
  if (token.replacing) {
    await trx
      .updateTable("tokens")
      .set({ revoked_at: token.now })
      .where("kind", "=", "owner")
      .where("id", "!=", token.id)
      .where("revoked_at", "is", null)
      .execute();
  }
  return true;
}
