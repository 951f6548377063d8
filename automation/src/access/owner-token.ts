import { randomUUID } from "node:crypto";
import { appendAudit } from "../audit/store.ts";
import type { Database } from "../database.ts";
import { withTransaction } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import { readOrMakePrivateFile } from "../secrets/private-file.ts";
import { putOwnerToken } from "./store.ts";
import { hashToken, looksLikeToken, makeToken } from "./token.ts";

/**
 * Makes the owner's token at the first start: the file (0600) holds it, the database only its hash. A file that was
 * deleted is made again with another token, and the one before is revoked: that is how an owner changes it.
 */
export async function ensureOwnerToken(db: Database, file: string, now: Date): Promise<void> {
  const { content, made } = await readOrMakePrivateFile(file, () => `${makeToken("owner")}\n`);
  const token = content.trim();
  if (!looksLikeToken(token)) {
    throw new SlipwayError("owner_token_damaged", `${file} does not hold a token.`, {
      remedy: "Delete the file and start again: a new token is made.",
    });
  }
  await withTransaction(db, async (trx) => {
    const added = await putOwnerToken(trx, {
      id: randomUUID(),
      hash: hashToken(token),
      replacing: made,
      now,
    });
    if (!added) return;
    await appendAudit(trx, {
      principal: "system",
      action: "token.created",
      organisation: "default",
      subject: "owner",
      requestId: null,
    });
  });
}
