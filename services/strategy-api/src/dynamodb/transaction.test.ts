import { type DynamoDBClient, TransactionCanceledException } from "@aws-sdk/client-dynamodb";
import { expect, it } from "vitest";
import { ContentionError } from "../errors.ts";
import { commit } from "./transaction.ts";

const WRITES = [
  { write: {}, refused: "name-taken" },
  { write: {}, refused: "moved" },
];

/** A client whose transactions end one after the other as given: codes of the reasons, or none for success. */
function clientWith(ends: (readonly string[])[]): { client: DynamoDBClient; calls: () => number } {
  let calls = 0;
  const send = async () => {
    const codes = ends[Math.min(calls, ends.length - 1)] ?? [];
    calls += 1;
    if (codes.length === 0) return {};
    throw new TransactionCanceledException({
      message: "cancelled",
      $metadata: {},
      CancellationReasons: codes.map((Code) => ({ Code })),
    });
  };
  return { client: { send } as unknown as DynamoDBClient, calls: () => calls };
}

it("is done when all conditions hold", async () => {
  expect(await commit(clientWith([[]]), WRITES)).toBe("done");
});

it("says what the condition means that did not hold, and does not try again", async () => {
  const bed = clientWith([["None", "ConditionalCheckFailed"]]);
  expect(await commit(bed, WRITES)).toBe("moved");
  expect(bed.calls()).toBe(1);
});

it("tries again when two transactions met", async () => {
  const bed = clientWith([["TransactionConflict", "None"], ["None", "TransactionConflict"], []]);
  expect(await commit(bed, WRITES)).toBe("done");
  expect(bed.calls()).toBe(3);
});

it("gives up on transactions that keep meeting", async () => {
  const bed = clientWith([["TransactionConflict", "None"]]);
  await expect(commit(bed, WRITES)).rejects.toBeInstanceOf(ContentionError);
});

it("does not hide another reason", async () => {
  const bed = clientWith([["ThrottlingError", "None"]]);
  await expect(commit(bed, WRITES)).rejects.toBeInstanceOf(TransactionCanceledException);
});
