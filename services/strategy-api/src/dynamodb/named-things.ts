import type { TransactWriteItem } from "@aws-sdk/client-dynamodb";
import type { z } from "zod";
import { auditWrite, drawPosition } from "../audit/dynamodb-store.ts";
import type { Change, NewAuditEntry } from "../audit/store.ts";
import { ContentionError, NameTakenError } from "../errors.ts";
import type { PageRequest } from "../pagination.ts";
import { ALL, docOf, getItem, type Item, listPage, N, S } from "./items.ts";
import type { TableKey, Tables } from "./tables.ts";
import { commit, type Write } from "./transaction.ts";

/** Partition of the names that are in use, in lower case. */
const NAMES = "names";
/** How often a change starts again because somebody else's came first. */
const MAX_ROUNDS = 5;

/** What people name, change and remove. */
type Named = {
  readonly id: string;
  readonly position: string;
  readonly name: string;
  readonly revision: number;
};

type Action = NewAuditEntry["action"];
type Kind<T extends Named, K extends TableKey> = {
  readonly table: K;
  readonly schema: z.ZodType<T>;
  readonly created: Action;
  readonly changed: Action;
  readonly removed: Action;
  /** Writes elsewhere that belong to making (1) or removing (-1) one. */
  readonly besides?: (thing: T, by: 1 | -1) => readonly TransactWriteItem[];
};

type Refusal = "name-taken" | "moved";

/** A list of things whose names are unique without regard to case. Every change is one transaction with its audit entry. */
export function namedThings<T extends Named, K extends "strategies" | "risk-profiles">(
  tables: Tables<"audit" | K>,
  kind: Kind<T, K>,
) {
  const { table, schema } = kind;
  const TableName: string = tables.names[table];
  const beside = (thing: T, by: 1 | -1): Write<Refusal>[] =>
    (kind.besides?.(thing, by) ?? []).map((write) => ({ write, refused: "moved" }));

  const takeName = (thing: T): Write<Refusal> => ({
    write: {
      Put: {
        TableName,
        Item: { collection: S(NAMES), id: S(thing.name.toLowerCase()), owner: S(thing.id) },
        ...isAbsent,
      },
    },
    refused: "name-taken",
  });
  const freeName = (thing: T): Write<Refusal> => ({
    write: { Delete: { TableName, Key: { collection: S(NAMES), id: S(thing.name.toLowerCase()) } } },
    refused: "moved",
  });
  const audit = (position: string, entry: NewAuditEntry): Write<Refusal> => ({
    write: auditWrite(tables, position, entry),
    refused: "moved",
  });

  async function find(id: string): Promise<T | undefined> {
    const item = await getItem(tables, table, ALL, id);
    return item === undefined ? undefined : docOf(schema, item);
  }

  /** Reads, decides and writes until nobody came between. */
  async function onCurrent<R>(
    id: string,
    work: (before: T) => Promise<{ outcome: "done" | Refusal; result: R }>,
  ): Promise<R | undefined> {
    for (let round = 1; round <= MAX_ROUNDS; round += 1) {
      const before = await find(id);
      if (before === undefined) return undefined;
      const { outcome, result } = await work(before);
      if (outcome === "done") return result;
      if (outcome === "name-taken") throw new NameTakenError(undefined);
    }
    throw new ContentionError(`${table} ${id} was changed each time before this change.`);
  }

  return {
    list: async (page: PageRequest): Promise<T[]> =>
      (await listPage(tables, table, page)).map((item) => docOf(schema, item)),

    find,

    async insert(make: (position: string) => T, change: Change): Promise<T> {
      const position = await drawPosition(tables);
      const after = make(position);
      const outcome = await commit<Refusal>(tables, [
        { write: { Put: { TableName, Item: itemOf(after), ...isAbsent } }, refused: "moved" },
        takeName(after),
        ...beside(after, 1),
        audit(position, { ...change, action: kind.created, subjectId: after.id, after }),
      ]);
      if (outcome === "name-taken") throw new NameTakenError(undefined);
      if (outcome === "moved") throw new ContentionError(`${table} ${after.id} lost what it is made from.`);
      return after;
    },

    update: (id: string, decide: (before: T) => Promise<T>, change: Change): Promise<T | undefined> =>
      onCurrent(id, async (before) => {
        const after = await decide(before);
        const isRenamed = after.name.toLowerCase() !== before.name.toLowerCase();
        const outcome = await commit<Refusal>(tables, [
          { write: { Put: { TableName, Item: itemOf(after), ...isAt(before) } }, refused: "moved" },
          ...(isRenamed ? [takeName(after), freeName(before)] : []),
          audit(await drawPosition(tables), {
            ...change,
            action: kind.changed,
            subjectId: id,
            before,
            after,
          }),
        ]);
        return { outcome, result: after };
      }),

    async remove(id: string, change: Change): Promise<boolean> {
      const removed = await onCurrent(id, async (before) => {
        const outcome = await commit<Refusal>(tables, [
          {
            write: {
              Delete: { TableName, Key: { collection: S(ALL), id: S(id) }, ...isAt(before) },
            },
            refused: "moved",
          },
          freeName(before),
          ...beside(before, -1),
          audit(await drawPosition(tables), { ...change, action: kind.removed, subjectId: id, before }),
        ]);
        return { outcome, result: true };
      });
      return removed ?? false;
    },
  };
}

const isAbsent = {
  ConditionExpression: "attribute_not_exists(#collection)",
  ExpressionAttributeNames: { "#collection": "collection" },
};

/** The thing is still as it was read. */
export function isAt(before: { readonly revision: number }) {
  return {
    ConditionExpression: "#revision = :revision",
    ExpressionAttributeNames: { "#revision": "revision" },
    ExpressionAttributeValues: { ":revision": N(before.revision) },
  };
}

function itemOf(thing: Named): Item {
  return {
    collection: S(ALL),
    id: S(thing.id),
    position: N(thing.position),
    revision: N(thing.revision),
    doc: S(JSON.stringify(thing)),
  };
}
