import { z } from "zod";
import { appendAudit } from "../audit/postgres-store.ts";
import { type Database, inTransaction, type Queryable } from "../database.ts";
import { NameTakenError, violatesUnique } from "../errors.ts";
import { ColumnInstant } from "../fields.ts";
import { RiskProfile, type RiskProfileStore } from "./store.ts";

const RiskProfileRow = RiskProfile.extend({ createdAt: ColumnInstant, updatedAt: ColumnInstant });
const COLUMNS = `id, position, name, max_position_percent as "maxPositionPercent",
  stop_loss_percent as "stopLossPercent", max_drawdown_percent as "maxDrawdownPercent", revision,
  created_at as "createdAt", updated_at as "updatedAt"`;

/** The profile, locked until the transaction ends, so that two changes of one revision cannot both succeed. */
export async function lockRiskProfile(tx: Queryable, id: string): Promise<RiskProfile | undefined> {
  const { rows } = await tx.query(`select ${COLUMNS} from risk_profiles where id = $1 for update`, [id]);
  return rows[0] === undefined ? undefined : RiskProfileRow.parse(rows[0]);
}

export function postgresRiskProfiles(db: Database): RiskProfileStore {
  return {
    async list(page) {
      const { rows } = await db.query(
        `select ${COLUMNS} from risk_profiles where ($1::bigint is null or position < $1)
          order by position desc limit $2`,
        [page.before, page.limit + 1],
      );
      return z.array(RiskProfileRow).parse(rows);
    },

    async find(id) {
      const { rows } = await db.query(`select ${COLUMNS} from risk_profiles where id = $1`, [id]);
      return rows[0] === undefined ? undefined : RiskProfileRow.parse(rows[0]);
    },

    insert: (profile, change) =>
      changing(db, async (tx) => {
        const { rows } = await tx.query(
          `insert into risk_profiles
             (id, name, max_position_percent, stop_loss_percent, max_drawdown_percent, created_at, updated_at)
           values ($1, $2, $3, $4, $5, $6, $6) returning ${COLUMNS}`,
          [
            profile.id,
            profile.name,
            profile.maxPositionPercent,
            profile.stopLossPercent,
            profile.maxDrawdownPercent,
            change.at,
          ],
        );
        const after = RiskProfileRow.parse(rows[0]);
        await appendAudit(tx, { ...change, action: "risk_profile.created", subjectId: after.id, after });
        return after;
      }),

    update: (id, decide, change) =>
      changing(db, async (tx) => {
        const before = await lockRiskProfile(tx, id);
        if (before === undefined) return undefined;
        const content = await decide(before);
        const { rows } = await tx.query(
          `update risk_profiles
              set name = $2, max_position_percent = $3, stop_loss_percent = $4, max_drawdown_percent = $5,
                  updated_at = $6, revision = revision + 1
            where id = $1 returning ${COLUMNS}`,
          [
            id,
            content.name,
            content.maxPositionPercent,
            content.stopLossPercent,
            content.maxDrawdownPercent,
            change.at,
          ],
        );
        const after = RiskProfileRow.parse(rows[0]);
        await appendAudit(tx, { ...change, action: "risk_profile.changed", subjectId: id, before, after });
        return after;
      }),

    remove: (id, change) =>
      changing(db, async (tx) => {
        const before = await lockRiskProfile(tx, id);
        if (before === undefined) return false;
        await tx.query("delete from risk_profiles where id = $1", [id]);
        await appendAudit(tx, { ...change, action: "risk_profile.removed", subjectId: id, before });
        return true;
      }),
  };
}

async function changing<T>(db: Database, work: (tx: Queryable) => Promise<T>): Promise<T> {
  try {
    return await inTransaction(db, work);
  } catch (error) {
    if (violatesUnique(error, "risk_profiles_name_key")) throw new NameTakenError(error);
    throw error;
  }
}
