import { z } from "zod";
import type { Queryable } from "../database.ts";
import { ColumnInstant } from "../fields.ts";
import type { PageRequest } from "../pagination.ts";

const RiskProfileRow = z.object({
  id: z.string(),
  position: z.string(),
  name: z.string(),
  maxPositionPercent: z.number(),
  stopLossPercent: z.number().nullable(),
  maxDrawdownPercent: z.number().nullable(),
  revision: z.number(),
  createdAt: ColumnInstant,
  updatedAt: ColumnInstant,
});
export type RiskProfile = z.output<typeof RiskProfileRow>;
export type RiskLimits = Pick<RiskProfile, "maxPositionPercent" | "stopLossPercent" | "maxDrawdownPercent">;

const COLUMNS = `id, position, name, max_position_percent as "maxPositionPercent",
  stop_loss_percent as "stopLossPercent", max_drawdown_percent as "maxDrawdownPercent", revision,
  created_at as "createdAt", updated_at as "updatedAt"`;

export async function insertRiskProfile(
  tx: Queryable,
  profile: RiskLimits & { readonly id: string; readonly name: string; readonly at: Date },
): Promise<RiskProfile> {
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
      profile.at,
    ],
  );
  return RiskProfileRow.parse(rows[0]);
}

export async function findRiskProfile(db: Queryable, id: string): Promise<RiskProfile | undefined> {
  const { rows } = await db.query(`select ${COLUMNS} from risk_profiles where id = $1`, [id]);
  return rows[0] === undefined ? undefined : RiskProfileRow.parse(rows[0]);
}

/** The profile, locked until the transaction ends, so that two changes of one revision cannot both succeed. */
export async function lockRiskProfile(tx: Queryable, id: string): Promise<RiskProfile | undefined> {
  const { rows } = await tx.query(`select ${COLUMNS} from risk_profiles where id = $1 for update`, [id]);
  return rows[0] === undefined ? undefined : RiskProfileRow.parse(rows[0]);
}

export async function listRiskProfiles(db: Queryable, page: PageRequest): Promise<RiskProfile[]> {
  const { rows } = await db.query(
    `select ${COLUMNS} from risk_profiles where ($1::bigint is null or position < $1) order by position desc limit $2`,
    [page.before, page.limit + 1],
  );
  return z.array(RiskProfileRow).parse(rows);
}

export async function updateRiskProfile(
  tx: Queryable,
  id: string,
  content: RiskLimits & { readonly name: string },
  at: Date,
): Promise<RiskProfile> {
  const { rows } = await tx.query(
    `update risk_profiles
        set name = $2, max_position_percent = $3, stop_loss_percent = $4, max_drawdown_percent = $5,
            updated_at = $6, revision = revision + 1
      where id = $1 returning ${COLUMNS}`,
    [id, content.name, content.maxPositionPercent, content.stopLossPercent, content.maxDrawdownPercent, at],
  );
  return RiskProfileRow.parse(rows[0]);
}

export async function deleteRiskProfile(tx: Queryable, id: string): Promise<void> {
  await tx.query("delete from risk_profiles where id = $1", [id]);
}
