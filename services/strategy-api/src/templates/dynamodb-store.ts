import type { TransactWriteItem } from "@aws-sdk/client-dynamodb";
import { auditWrite, drawPosition } from "../audit/dynamodb-store.ts";
import { ALL, docOf, getItem, listPage, N, S } from "../dynamodb/items.ts";
import type { Tables } from "../dynamodb/tables.ts";
import { commit } from "../dynamodb/transaction.ts";
import { NameTakenError } from "../errors.ts";
import { BUILT_IN_TEMPLATES } from "./built-in.ts";
import { Template, type TemplateStore } from "./store.ts";

/** People add templates by hand: more of them than one answer holds are not expected. */
const MAX_OWN_TEMPLATES = 500;

/** Finds a template: one that comes with the service, else one in the table. */
export async function findDynamoTemplate(
  tables: Tables<"templates">,
  id: string,
): Promise<Template | undefined> {
  const builtIn = BUILT_IN_TEMPLATES.find((template) => template.id === id);
  if (builtIn !== undefined) return builtIn;
  const item = await getItem(tables, "templates", ALL, id);
  return item === undefined ? undefined : docOf(Template, item);
}

/** The write that counts a strategy in (1) or out (-1) of its template, so that a template in use is not removed. */
export function templateUse(tables: Tables<"templates">, id: string, by: 1 | -1): TransactWriteItem[] {
  if (BUILT_IN_TEMPLATES.some((template) => template.id === id)) return [];
  return [
    {
      Update: {
        TableName: tables.names.templates,
        Key: { collection: S(ALL), id: S(id) },
        UpdateExpression: "ADD #uses :by",
        ConditionExpression: "attribute_exists(#collection)",
        ExpressionAttributeNames: { "#uses": "uses", "#collection": "collection" },
        ExpressionAttributeValues: { ":by": N(by) },
      },
    },
  ];
}

/** Only templates that people added are in the table; the others are part of the package. */
export function dynamoTemplates(tables: Tables<"templates" | "audit">): TemplateStore {
  const TableName = tables.names.templates;
  return {
    async list() {
      const own = await listPage(tables, "templates", { limit: MAX_OWN_TEMPLATES, before: null });
      return [...BUILT_IN_TEMPLATES, ...own.reverse().map((item) => docOf(Template, item))];
    },

    find: (id) => findDynamoTemplate(tables, id),

    async insert(template, change) {
      if (BUILT_IN_TEMPLATES.some((one) => one.id === template.id)) throw new NameTakenError(undefined);
      const { id, name, description, algorithm, parameters } = template;
      const after: Template = { id, name, description, algorithm, parameters };
      const position = await drawPosition(tables);
      const outcome = await commit(tables, [
        {
          write: {
            Put: {
              TableName,
              Item: {
                collection: S(ALL),
                id: S(id),
                position: N(position),
                uses: N(0),
                doc: S(JSON.stringify(after)),
              },
              ConditionExpression: "attribute_not_exists(#collection)",
              ExpressionAttributeNames: { "#collection": "collection" },
            },
          },
          refused: "taken",
        },
        {
          write: auditWrite(tables, position, {
            ...change,
            action: "template.created",
            subjectId: id,
            after,
          }),
          refused: "position-taken",
        },
      ]);
      if (outcome === "taken") throw new NameTakenError(undefined);
      if (outcome !== "done") throw new Error(`The audit table already has an entry ${position}.`);
      return after;
    },

    async remove(id, change) {
      if (BUILT_IN_TEMPLATES.some((template) => template.id === id)) return "built-in";
      const before = await findDynamoTemplate(tables, id);
      if (before === undefined) return "not-found";
      const position = await drawPosition(tables);
      const outcome = await commit(tables, [
        {
          write: {
            Delete: {
              TableName,
              Key: { collection: S(ALL), id: S(id) },
              // One that is gone by now has no uses either.
              ConditionExpression: "#uses = :none",
              ExpressionAttributeNames: { "#uses": "uses" },
              ExpressionAttributeValues: { ":none": N(0) },
            },
          },
          refused: "in-use",
        },
        {
          write: auditWrite(tables, position, {
            ...change,
            action: "template.removed",
            subjectId: id,
            before,
          }),
          refused: "position-taken",
        },
      ]);
      if (outcome === "position-taken") throw new Error(`The audit table already has an entry ${position}.`);
      if (outcome === "done") return "removed";
      return (await findDynamoTemplate(tables, id)) === undefined ? "not-found" : "in-use";
    },
  };
}
