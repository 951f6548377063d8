import type { Transaction } from "../database.ts";
import { putAttemptToken } from "./store.ts";
import { hashToken, makeToken } from "./token.ts";

/**
 * Makes the token that the engine of one attempt presents, and answers it; only its hash is stored. It is good while the attempt
 * holds its stack with its own epoch, and for that stack alone; `mayChange: false` is for previews. There may be several of one attempt.
 */
export async function makeAttemptToken(
  trx: Transaction,
  { attemptId, mayChange }: { attemptId: string; mayChange: boolean },
): Promise<string> {
  const token = makeToken("attempt");
  await putAttemptToken(trx, { hash: hashToken(token), attemptId, mayChange });
  return token;
}
