import { z } from "zod";
import type { Queryable } from "../database.ts";

export const ALGORITHMS = ["sma-cross", "rsi-reversion", "momentum", "buy-and-hold"] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

export const TemplateParameter = z.object({
  name: z.string(),
  label: z.string(),
  kind: z.enum(["integer", "number"]),
  default: z.number(),
  min: z.number(),
  max: z.number(),
});
export type TemplateParameter = z.output<typeof TemplateParameter>;

export const Template = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string(),
  algorithm: z.enum(ALGORITHMS),
  parameters: z.array(TemplateParameter),
});
export type Template = z.output<typeof Template>;

const COLUMNS = "id, name, description, algorithm, parameters";

/** All templates in the order in which they are shown. */
export async function listTemplates(db: Queryable): Promise<Template[]> {
  const { rows } = await db.query(`select ${COLUMNS} from strategy_templates order by position`);
  return z.array(Template).parse(rows);
}

export async function findTemplate(db: Queryable, id: string): Promise<Template | undefined> {
  const { rows } = await db.query(`select ${COLUMNS} from strategy_templates where id = $1`, [id]);
  return rows[0] === undefined ? undefined : Template.parse(rows[0]);
}
