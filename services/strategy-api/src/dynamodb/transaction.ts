import { setTimeout as delay } from "node:timers/promises";
import {
  TransactionCanceledException,
  type TransactWriteItem,
  TransactWriteItemsCommand,
} from "@aws-sdk/client-dynamodb";
import { ContentionError } from "../errors.ts";
import type { Tables } from "./tables.ts";

/** One write of a transaction. `refused`: what it means when its condition does not hold. */
export type Write<R extends string> = { readonly write: TransactWriteItem; readonly refused: R };

const MAX_TRIES = 6;
const FIRST_PAUSE_MS = 20;

/**
 * Writes all or nothing. Answers "done", or the meaning of the first condition that did not hold. Transactions that meet on an item are tried again; throws
 * ContentionError when they keep meeting.
 */
export async function commit<R extends string>(
  { client }: Pick<Tables, "client">,
  writes: readonly Write<R>[],
): Promise<"done" | R> {
  for (let tries = 1; ; tries += 1) {
    try {
      const items = writes.map(({ write }) => write);
      await client.send(new TransactWriteItemsCommand({ TransactItems: items }));
      return "done";
    } catch (error) {
      if (!(error instanceof TransactionCanceledException)) throw error;
      const reasons = error.CancellationReasons ?? [];
      const failed = reasons.findIndex((reason) => reason.Code === "ConditionalCheckFailed");
      const refusal = writes[failed]?.refused;
      if (refusal !== undefined) return refusal;
      if (!reasons.some((reason) => reason.Code === "TransactionConflict")) throw error;
      if (tries >= MAX_TRIES) {
        throw new ContentionError("Others change the same things at the same time.", { cause: error });
      }
      // Two that met would meet again after equal pauses.
      await delay(FIRST_PAUSE_MS * 2 ** (tries - 1) * (0.5 + Math.random()));
    }
  }
}
