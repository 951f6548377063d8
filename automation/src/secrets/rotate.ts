import { appendAudit } from "../audit/store.ts";
import type { DataKeyVersion, KeysRotated } from "../contract/keys.ts";
import type { Database, Transaction } from "../database.ts";
import { withTransaction } from "../database.ts";
import type { Keyring } from "./keyring.ts";
import { addDataKey } from "./open-keyring.ts";
import type { NamedStack } from "./store.ts";
import { findDataKey, findStacksToRotate, listDataKeys, lockForDataKeys, readNow } from "./store.ts";

/** Stacks of one request; each costs a call of the wrapping key's provider. */
const STACKS_A_REQUEST = 100;

interface Caller {
  principal: string;
  requestId: string;
}

/** Makes the next version of a stack's data key, with its audit entry. What was sealed before stays as it is and opens. */
export async function rotateDataKey(
  trx: Transaction,
  keyring: Keyring,
  stack: NamedStack,
  caller: Caller,
): Promise<DataKeyVersion> {
  await lockForDataKeys(trx, stack.stackId);
  const newest = (await findDataKey(trx, stack.stackId))?.version ?? 0;
  await addDataKey(trx, keyring.wrapping, stack.stackId, newest + 1);
  await appendAudit(trx, {
    ...caller,
    action: "key.rotated",
    organisation: stack.organisation,
    subject: `${stack.organisation}/${stack.project}/${stack.stack}`,
    details: { version: newest + 1, wrappingKey: keyring.wrapping.current.id },
  });
  const [made] = await listDataKeys(trx, stack.stackId);
  if (made === undefined) throw new Error("the data key that was just made is not there");
  return { ...made, createdAt: made.createdAt.toISOString() };
}

/**
 * Makes new versions for stacks whose newest data key is older than `before` (now, when absent), as many as one request should. Each is a
 * transaction of its own: what is done stays done, and asking again with the same `before` goes on.
 */
export async function rotateSome(
  db: Database,
  keyring: Keyring,
  caller: Caller,
  asked: Date | undefined,
): Promise<KeysRotated> {
  const before = asked ?? (await readNow(db));
  const { stacks, count } = await findStacksToRotate(db, before, STACKS_A_REQUEST);
  let rotated = 0;
  for (const stack of stacks) {
    await withTransaction(db, async (trx) => {
      await lockForDataKeys(trx, stack.stackId);
      const [newest] = await listDataKeys(trx, stack.stackId);
      // Somebody else who rotates at the same time was here first.
      if (newest === undefined || newest.createdAt >= before) return;
      await rotateDataKey(trx, keyring, stack, caller);
      rotated += 1;
    });
  }
  return { rotated, left: count - stacks.length, before: before.toISOString() };
}
