import { randomBytes } from "node:crypto";
import pg from "pg";
import { z } from "zod";
import type { CreateDatabase, DatabaseView } from "../../../infra/providers/local/contract.ts";
import { SlipwayError } from "../errors.ts";
import type { Records } from "./records.ts";
import { scramVerifier } from "./scram.ts";

const CONNECT_TIMEOUT_MS = 10_000;
const STATEMENT_TIMEOUT_MS = 30_000;
const PASSWORD_BYTES = 24;
/** The comment by which the keeper knows roles that it made itself. */
const ROLE_COMMENT = "made by the slipway keeper";

/** `id` is the database's name. The password is kept so that a retained database can be taken over again; the file is 0600. */
export const DatabaseRecord = z.object({
  id: z.string(),
  owner: z.string(),
  password: z.string(),
  /** Its resource was deleted; role and data are still there. */
  retained: z.boolean(),
});
export type DatabaseRecord = z.infer<typeof DatabaseRecord>;

export interface DatabasesOptions {
  records: Records<DatabaseRecord>;
  /** Connects as a role that may create roles and databases. */
  adminUrl: string;
}

/** The databases that the keeper made in the admin's Postgres server. */
export class Databases {
  readonly #options: DatabasesOptions;

  constructor(options: DatabasesOptions) {
    this.#options = options;
  }

  count(): number {
    return this.#options.records.all().filter((record) => !record.retained).length;
  }

  /**
   * Makes role and database, or completes and takes over what an earlier resource of this name left. Throws SlipwayError
   * `database_taken` when another resource has the name, or someone else made a role or database of that name.
   */
  async create(input: CreateDatabase): Promise<DatabaseView> {
    const known = this.#options.records.get(input.name);
    if (known !== undefined && !known.retained && known.owner !== input.owner) {
      throw taken(input.name, `It belongs to ${known.owner}.`);
    }
    const password = known?.password ?? randomBytes(PASSWORD_BYTES).toString("base64url");
    const record: DatabaseRecord = { id: input.name, owner: input.owner, password, retained: false };
    await this.#withAdmin(async (admin) => {
      const present = await presence(admin, input.name);
      if (present.role && !present.ours)
        throw taken(input.name, "A role of that name was made by someone else.");
      if (present.database && !present.role) {
        throw taken(input.name, "A database of that name was made by someone else.");
      }
      // Before the role: its password must not be lost when the keeper dies between the two.
      await this.#options.records.put(record);
      const name = quoteIdentifier(input.name);
      // Statements of DDL take no parameters: the name is checked, and the verifier has no quote in it.
      const login = `LOGIN PASSWORD '${scramVerifier(password)}'`;
      // In one transaction: a role without the comment could never be taken over again.
      await admin.query("BEGIN");
      await admin.query(`${present.role ? "ALTER" : "CREATE"} ROLE ${name} ${login}`);
      await admin.query(`COMMENT ON ROLE ${name} IS '${ROLE_COMMENT}'`);
      // Only a member may give a database to a role; the keeper's own role is no superuser.
      await admin.query(`GRANT ${name} TO CURRENT_USER`);
      await admin.query("COMMIT");
      if (!present.database) {
        await admin.query(`CREATE DATABASE ${name} OWNER ${name}`);
        await admin.query(`REVOKE ALL ON DATABASE ${name} FROM PUBLIC`);
      }
    });
    return this.#viewOf(record);
  }

  /** Undefined when the keeper has no such database, or its role or the database is no longer there. */
  async view(name: string): Promise<DatabaseView | undefined> {
    const record = this.#options.records.get(name);
    if (record === undefined || record.retained) return undefined;
    const present = await this.#withAdmin((admin) => presence(admin, name));
    return present.role && present.database ? this.#viewOf(record) : undefined;
  }

  /** Lets go of a database, with all its data where it is. Returns false when there is none. */
  async retain(name: string): Promise<boolean> {
    const record = this.#options.records.get(name);
    if (record === undefined || record.retained) return false;
    await this.#options.records.put({ ...record, retained: true });
    return true;
  }

  #viewOf(record: DatabaseRecord): DatabaseView {
    const url = new URL(this.#options.adminUrl);
    url.username = record.id;
    url.password = record.password;
    url.pathname = `/${record.id}`;
    return { name: record.id, owner: record.owner, connectionUrl: url.href };
  }

  async #withAdmin<T>(act: (admin: pg.Client) => Promise<T>): Promise<T> {
    const admin = new pg.Client({
      connectionString: this.#options.adminUrl,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      statement_timeout: STATEMENT_TIMEOUT_MS,
    });
    // A connection lost between two statements is reported by the next one.
    admin.on("error", () => undefined);
    try {
      await admin.connect();
    } catch (cause) {
      throw new SlipwayError("no_database_server", "The Postgres server for databases does not answer.", {
        cause,
        remedy: "Look at the database of npm start, or at SLIPWAY_KEEPER_DATABASE_URL.",
      });
    }
    try {
      return await act(admin);
    } finally {
      await admin.end();
    }
  }
}

async function presence(
  admin: pg.Client,
  name: string,
): Promise<{ role: boolean; ours: boolean; database: boolean }> {
  const { rows } = await admin.query<{ role: boolean; ours: boolean; database: boolean }>(
    `select
       exists (select from pg_roles where rolname = $1) as role,
       exists (select from pg_roles r where rolname = $1 and shobj_description(r.oid, 'pg_authid') = $2) as ours,
       exists (select from pg_database where datname = $1) as database`,
    [name, ROLE_COMMENT],
  );
  return rows[0] ?? { role: false, ours: false, database: false };
}

function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function taken(name: string, why: string): SlipwayError {
  return new SlipwayError("database_taken", `The database ${name} cannot be used. ${why}`, {
    remedy: "Choose another name.",
  });
}
