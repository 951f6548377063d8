import {
  type AttributeValue,
  BatchGetItemCommand,
  GetItemCommand,
  QueryCommand,
  type QueryCommandInput,
} from "@aws-sdk/client-dynamodb";
import type { z } from "zod";
import type { PageRequest } from "../pagination.ts";
import type { TableKey, Tables } from "./tables.ts";

export type Item = Record<string, AttributeValue>;
export const S = (value: string): AttributeValue => ({ S: value });
export const N = (value: string | number): AttributeValue => ({ N: String(value) });

/** Partition of everything that a list shows. Other partitions hold what belongs to it, such as taken names. */
export const ALL = "all";

/** What an item stands for, which lies in one attribute as JSON: only what keys and conditions need is beside it. */
export function docOf<T extends z.ZodType>(schema: T, item: Item): z.output<T> {
  return schema.parse(JSON.parse(item.doc?.S ?? "null"));
}

/** Reads an item as it is now. */
export async function getItem<K extends TableKey>(
  tables: Tables<K>,
  table: K,
  collection: string,
  id: string,
): Promise<Item | undefined> {
  const { Item: item } = await tables.client.send(
    new GetItemCommand({
      TableName: tables.names[table],
      Key: { collection: S(collection), id: S(id) },
      ConsistentRead: true,
    }),
  );
  return item;
}

/** Items of one page, highest position first; one more than the limit. An answer of the store may be shorter than asked for, so it is asked until there are enough. */
export async function queryPage<K extends TableKey>(
  tables: Tables<K>,
  table: K,
  key: { readonly name: string; readonly value: string },
  page: PageRequest,
  options: Pick<QueryCommandInput, "IndexName" | "ConsistentRead">,
): Promise<Item[]> {
  const wanted = page.limit + 1;
  const items: Item[] = [];
  let start: Item | undefined;
  do {
    const { Items = [], LastEvaluatedKey } = await tables.client.send(
      new QueryCommand({
        TableName: tables.names[table],
        ...options,
        KeyConditionExpression: page.before === null ? "#key = :key" : "#key = :key and #position < :before",
        ExpressionAttributeNames: {
          "#key": key.name,
          ...(page.before === null ? {} : { "#position": "position" }),
        },
        ExpressionAttributeValues: {
          ":key": S(key.value),
          ...(page.before === null ? {} : { ":before": N(page.before) }),
        },
        ScanIndexForward: false,
        Limit: wanted - items.length,
        ...(start === undefined ? {} : { ExclusiveStartKey: start }),
      }),
    );
    items.push(...Items);
    start = LastEvaluatedKey;
  } while (start !== undefined && items.length < wanted);
  return items;
}

/** A page of what a list shows, as it is now. */
export function listPage<K extends Exclude<TableKey, "audit">>(
  tables: Tables<K>,
  table: K,
  page: PageRequest,
): Promise<Item[]> {
  return queryPage(tables, table, { name: "collection", value: ALL }, page, {
    IndexName: "by-position",
    ConsistentRead: true,
  });
}

/** Most keys that one call may ask for. */
const BATCH_KEYS = 100;

/** Which of the ids a list still has. */
export async function existingIds<K extends TableKey>(
  tables: Tables<K>,
  table: K,
  ids: readonly string[],
): Promise<Set<string>> {
  const found = new Set<string>();
  const name: string = tables.names[table];
  let keys: Item[] = [...new Set(ids)].map((id) => ({ collection: S(ALL), id: S(id) }));
  while (keys.length > 0) {
    const batch = keys.slice(0, BATCH_KEYS);
    const { Responses, UnprocessedKeys } = await tables.client.send(
      new BatchGetItemCommand({
        RequestItems: { [name]: { Keys: batch, ProjectionExpression: "id", ConsistentRead: true } },
      }),
    );
    for (const item of Responses?.[name] ?? []) if (item.id?.S !== undefined) found.add(item.id.S);
    keys = [...keys.slice(BATCH_KEYS), ...(UnprocessedKeys?.[name]?.Keys ?? [])];
  }
  return found;
}
