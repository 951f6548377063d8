import { z } from "zod";
import type { Queryable } from "../database.ts";
import { ColumnInstant } from "../fields.ts";
import type { PageRequest } from "../pagination.ts";

const StrategyRow = z.object({
  id: z.string(),
  position: z.string(),
  name: z.string(),
  templateId: z.string(),
  symbol: z.string(),
  parameters: z.record(z.string(), z.number()),
  revision: z.number(),
  createdAt: ColumnInstant,
  updatedAt: ColumnInstant,
});
export type Strategy = z.output<typeof StrategyRow>;

const COLUMNS = `id, position, name, template_id as "templateId", symbol, parameters, revision,
  created_at as "createdAt", updated_at as "updatedAt"`;

export type StrategyContent = Pick<Strategy, "name" | "symbol" | "parameters">;

export async function insertStrategy(
  tx: Queryable,
  strategy: StrategyContent & { readonly id: string; readonly templateId: string; readonly at: Date },
): Promise<Strategy> {
  const { rows } = await tx.query(
    `insert into strategies (id, name, template_id, symbol, parameters, created_at, updated_at)
     values ($1, $2, $3, $4, $5, $6, $6) returning ${COLUMNS}`,
    [
      strategy.id,
      strategy.name,
      strategy.templateId,
      strategy.symbol,
      JSON.stringify(strategy.parameters),
      strategy.at,
    ],
  );
  return StrategyRow.parse(rows[0]);
}

export async function findStrategy(db: Queryable, id: string): Promise<Strategy | undefined> {
  const { rows } = await db.query(`select ${COLUMNS} from strategies where id = $1`, [id]);
  return rows[0] === undefined ? undefined : StrategyRow.parse(rows[0]);
}

/** The strategy, locked until the transaction ends, so that two changes of one revision cannot both succeed. */
export async function lockStrategy(tx: Queryable, id: string): Promise<Strategy | undefined> {
  const { rows } = await tx.query(`select ${COLUMNS} from strategies where id = $1 for update`, [id]);
  return rows[0] === undefined ? undefined : StrategyRow.parse(rows[0]);
}

export async function listStrategies(db: Queryable, page: PageRequest): Promise<Strategy[]> {
  const { rows } = await db.query(
    `select ${COLUMNS} from strategies where ($1::bigint is null or position < $1) order by position desc limit $2`,
    [page.before, page.limit + 1],
  );
  return z.array(StrategyRow).parse(rows);
}

export async function updateStrategy(
  tx: Queryable,
  id: string,
  content: StrategyContent,
  at: Date,
): Promise<Strategy> {
  const { rows } = await tx.query(
    `update strategies set name = $2, symbol = $3, parameters = $4, updated_at = $5, revision = revision + 1
      where id = $1 returning ${COLUMNS}`,
    [id, content.name, content.symbol, JSON.stringify(content.parameters), at],
  );
  return StrategyRow.parse(rows[0]);
}

export async function deleteStrategy(tx: Queryable, id: string): Promise<void> {
  await tx.query("delete from strategies where id = $1", [id]);
}
