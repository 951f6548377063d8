import { type TransactWriteItem, UpdateItemCommand } from "@aws-sdk/client-dynamodb";
import { ALL, docOf, N, queryPage, S } from "../dynamodb/items.ts";
import type { Tables } from "../dynamodb/tables.ts";
import { AuditEntry, type AuditStore, type NewAuditEntry } from "./store.ts";

const COUNTER = { collection: S("counter"), position: N(0) };

/**
 * Draws the number of a change: the place of its audit entry, and of what it makes in its list. Numbers rise and may have gaps, as those of a Postgres
 * identity; one that was drawn first may be written second.
 */
export async function drawPosition(tables: Tables<"audit">): Promise<string> {
  const { Attributes } = await tables.client.send(
    new UpdateItemCommand({
      TableName: tables.names.audit,
      Key: COUNTER,
      UpdateExpression: "ADD #drawn :one",
      ExpressionAttributeNames: { "#drawn": "drawn" },
      ExpressionAttributeValues: { ":one": N(1) },
      ReturnValues: "UPDATED_NEW",
    }),
  );
  const drawn = Attributes?.drawn?.N;
  if (drawn === undefined) throw new Error("The counter of the audit table answered no number.");
  return drawn;
}

/** The write of an entry, for the transaction of the change itself. */
export function auditWrite(
  tables: Tables<"audit">,
  position: string,
  entry: NewAuditEntry,
): TransactWriteItem {
  const doc: AuditEntry = {
    position,
    at: entry.at.toISOString(),
    correlationId: entry.correlationId,
    action: entry.action,
    subjectId: entry.subjectId,
    before: entry.before ?? null,
    after: entry.after ?? null,
  };
  return {
    Put: {
      TableName: tables.names.audit,
      Item: {
        collection: S(ALL),
        position: N(position),
        subjectId: S(entry.subjectId),
        doc: S(JSON.stringify(doc)),
      },
      // Entries are never written over.
      ConditionExpression: "attribute_not_exists(#collection)",
      ExpressionAttributeNames: { "#collection": "collection" },
    },
  };
}

/** Entries of one subject come from an index that may be a moment behind. */
export function dynamoAudit(tables: Tables<"audit">): AuditStore {
  return {
    async list(page, subjectId) {
      const items =
        subjectId === null
          ? await queryPage(tables, "audit", { name: "collection", value: ALL }, page, {
              ConsistentRead: true,
            })
          : await queryPage(tables, "audit", { name: "subjectId", value: subjectId }, page, {
              IndexName: "by-subject",
            });
      return items.map((item) => docOf(AuditEntry, item));
    },
  };
}
