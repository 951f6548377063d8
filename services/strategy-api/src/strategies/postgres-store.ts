import { z } from "zod";
import { appendAudit } from "../audit/postgres-store.ts";
import { type Database, inTransaction, type Queryable } from "../database.ts";
import { NameTakenError, violatesUnique } from "../errors.ts";
import { ColumnInstant } from "../fields.ts";
import { Strategy, type StrategyStore } from "./store.ts";

const StrategyRow = Strategy.extend({ createdAt: ColumnInstant, updatedAt: ColumnInstant });
const COLUMNS = `id, position, name, template_id as "templateId", symbol, parameters, revision,
  created_at as "createdAt", updated_at as "updatedAt"`;

/** The strategy, locked until the transaction ends, so that two changes of one revision cannot both succeed. */
export async function lockStrategy(tx: Queryable, id: string): Promise<Strategy | undefined> {
  const { rows } = await tx.query(`select ${COLUMNS} from strategies where id = $1 for update`, [id]);
  return rows[0] === undefined ? undefined : StrategyRow.parse(rows[0]);
}

export function postgresStrategies(db: Database): StrategyStore {
  return {
    async list(page) {
      const { rows } = await db.query(
        `select ${COLUMNS} from strategies where ($1::bigint is null or position < $1) order by position desc limit $2`,
        [page.before, page.limit + 1],
      );
      return z.array(StrategyRow).parse(rows);
    },

    async find(id) {
      const { rows } = await db.query(`select ${COLUMNS} from strategies where id = $1`, [id]);
      return rows[0] === undefined ? undefined : StrategyRow.parse(rows[0]);
    },

    insert: (strategy, change) =>
      changing(db, async (tx) => {
        const { rows } = await tx.query(
          `insert into strategies (id, name, template_id, symbol, parameters, created_at, updated_at)
           values ($1, $2, $3, $4, $5, $6, $6) returning ${COLUMNS}`,
          [
            strategy.id,
            strategy.name,
            strategy.templateId,
            strategy.symbol,
            JSON.stringify(strategy.parameters),
            change.at,
          ],
        );
        const after = StrategyRow.parse(rows[0]);
        await appendAudit(tx, { ...change, action: "strategy.created", subjectId: after.id, after });
        return after;
      }),

    update: (id, decide, change) =>
      changing(db, async (tx) => {
        const before = await lockStrategy(tx, id);
        if (before === undefined) return undefined;
        const content = await decide(before);
        const { rows } = await tx.query(
          `update strategies set name = $2, symbol = $3, parameters = $4, updated_at = $5, revision = revision + 1
            where id = $1 returning ${COLUMNS}`,
          [id, content.name, content.symbol, JSON.stringify(content.parameters), change.at],
        );
        const after = StrategyRow.parse(rows[0]);
        await appendAudit(tx, { ...change, action: "strategy.changed", subjectId: id, before, after });
        return after;
      }),

    remove: (id, change) =>
      changing(db, async (tx) => {
        const before = await lockStrategy(tx, id);
        if (before === undefined) return false;
        await tx.query("delete from strategies where id = $1", [id]);
        await appendAudit(tx, { ...change, action: "strategy.removed", subjectId: id, before });
        return true;
      }),
  };
}

async function changing<T>(db: Database, work: (tx: Queryable) => Promise<T>): Promise<T> {
  try {
    return await inTransaction(db, work);
  } catch (error) {
    if (violatesUnique(error, "strategies_name_key")) throw new NameTakenError(error);
    throw error;
  }
}
