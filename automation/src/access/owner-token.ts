import { randomUUID } from "node:crypto";
import { access, rm, writeFile } from "node:fs/promises";
import { sql } from "kysely";
import { appendAudit } from "../audit/store.ts";
import type { Database } from "../database.ts";
import { withTransaction } from "../database.ts";
import { SlipwayError, systemCode } from "../errors.ts";
import { readOrMakePrivateFile, readPrivateFile } from "../secrets/private-file.ts";
import { hasOwnerToken, putOwnerToken } from "./store.ts";
import { hashToken, looksLikeToken, makeToken } from "./token.ts";

/** Beside the file: this data folder's server has made the token, so that a deleted file means a wish for another one. */
const MADE_HERE = ".made-here";

/** `elsewhere`: the installation has an owner's token, and this data folder neither holds nor has made it. */
export type OwnerTokenPlace = "here" | "elsewhere";

/**
 * Makes the owner's token at the first start: the file (0600) holds it, the database only its hash. A file that was deleted in the data folder which made it, or one that was
 * emptied in any, is made again with another token, and the one before is revoked: that is how an owner changes it. A further server with a data folder of its own makes none.
 */
export async function ensureOwnerToken(db: Database, file: string, now: Date): Promise<OwnerTokenPlace> {
  const present = await readPrivateFile(file);
  const isReplacing = present?.trim() === "" || (await exists(`${file}${MADE_HERE}`));
  if (present === undefined && !isReplacing && (await hasOwnerToken(db))) return "elsewhere";
  if (present?.trim() === "") await rm(file);
  const { content, made } = await readOrMakePrivateFile(file, () => `${makeToken("owner")}\n`);
  const token = content.trim();
  if (!looksLikeToken(token)) {
    throw new SlipwayError("owner_token_damaged", `${file} does not hold a token.`, {
      remedy: "Empty the file and start again: a new token is made.",
    });
  }
  const place = await withTransaction(db, async (trx): Promise<OwnerTokenPlace> => {
    await sql`select pg_advisory_xact_lock(hashtextextended('slipway owner token', 0))`.execute(trx);
    // Two servers that are the first at once: one of them is.
    if (made && !isReplacing && (await hasOwnerToken(trx))) return "elsewhere";
    const added = await putOwnerToken(trx, {
      id: randomUUID(),
      hash: hashToken(token),
      replacing: made,
      now,
    });
    if (added) {
      await appendAudit(trx, {
        principal: "system",
        action: "token.created",
        organisation: "default",
        subject: "owner",
        requestId: null,
      });
    }
    return "here";
  });
  if (place === "elsewhere") await rm(file);
  else if (made) await writeFile(`${file}${MADE_HERE}`, "", { mode: 0o600 });
  return place;
}

async function exists(file: string): Promise<boolean> {
  try {
    await access(file);
    return true;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return false;
    throw error;
  }
}
