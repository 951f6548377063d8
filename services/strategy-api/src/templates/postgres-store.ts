import { z } from "zod";
import { appendAudit } from "../audit/postgres-store.ts";
import { type Database, inTransaction, type Queryable } from "../database.ts";
import { NameTakenError, violatesForeignKey, violatesUnique } from "../errors.ts";
import { Template, type TemplateStore } from "./store.ts";

const COLUMNS = "id, name, description, algorithm, parameters";

export async function findTemplate(db: Queryable, id: string): Promise<Template | undefined> {
  const { rows } = await db.query(`select ${COLUMNS} from strategy_templates where id = $1`, [id]);
  return rows[0] === undefined ? undefined : Template.parse(rows[0]);
}

export function postgresTemplates(db: Database): TemplateStore {
  return {
    async list() {
      const { rows } = await db.query(`select ${COLUMNS} from strategy_templates order by position`);
      return z.array(Template).parse(rows);
    },

    find: (id) => findTemplate(db, id),

    async insert(template, change) {
      try {
        return await inTransaction(db, async (tx) => {
          const { rows } = await tx.query(
            `insert into strategy_templates (id, name, description, algorithm, parameters, is_built_in)
             values ($1, $2, $3, $4, $5, false) returning ${COLUMNS}`,
            [
              template.id,
              template.name,
              template.description,
              template.algorithm,
              JSON.stringify(template.parameters),
            ],
          );
          const after = Template.parse(rows[0]);
          await appendAudit(tx, { ...change, action: "template.created", subjectId: after.id, after });
          return after;
        });
      } catch (error) {
        if (!violatesUnique(error, "strategy_templates_pkey")) throw error;
        throw new NameTakenError(error);
      }
    },

    async remove(id, change) {
      try {
        return await inTransaction(db, async (tx) => {
          const { rows } = await tx.query(
            `select ${COLUMNS}, is_built_in as "isBuiltIn" from strategy_templates where id = $1 for update`,
            [id],
          );
          if (rows[0] === undefined) return "not-found";
          const { isBuiltIn, ...before } = Template.extend({ isBuiltIn: z.boolean() }).parse(rows[0]);
          if (isBuiltIn) return "built-in";
          await tx.query("delete from strategy_templates where id = $1", [id]);
          await appendAudit(tx, { ...change, action: "template.removed", subjectId: id, before });
          return "removed";
        });
      } catch (error) {
        if (violatesForeignKey(error, "strategies_template_id_fkey")) return "in-use";
        throw error;
      }
    },
  };
}
