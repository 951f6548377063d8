import pg from "pg";
import { messageOf, SlipwayError } from "../errors.ts";

const CONNECT_TIMEOUT_MS = 5_000;
/** The oldest PostgreSQL that Slipway's SQL runs on. */
const OLDEST_MAJOR = 15;

/** Checks that a Postgres given by DATABASE_URL answers and is new enough; answers its version ("16.3"). */
export async function checkExternalPostgres(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  // A connection that breaks later is reported by the query that runs then.
  client.on("error", () => {});
  try {
    await client.connect();
    const { rows } = await client.query<{ number: string; version: string }>(
      "select current_setting('server_version_num') as number, current_setting('server_version') as version",
    );
    const row = rows[0];
    const major = Math.floor(Number(row?.number) / 10_000);
    if (row === undefined || !(major >= OLDEST_MAJOR)) {
      throw new SlipwayError(
        "postgres_version",
        `DATABASE_URL is PostgreSQL ${row?.version ?? "of unknown version"}.`,
        {
          remedy: `Use PostgreSQL ${OLDEST_MAJOR} or newer.`,
        },
      );
    }
    return row.version;
  } catch (cause) {
    if (cause instanceof SlipwayError) throw cause;
    throw new SlipwayError(
      "postgres_unreachable",
      `DATABASE_URL (${hostOf(url)}) does not answer: ${messageOf(cause)}.`,
      {
        cause,
        remedy:
          "Check host, port, user and password, or unset DATABASE_URL to use the Postgres that Slipway brings.",
      },
    );
  } finally {
    await client.end().catch(() => {
      // It never connected; the reason has been reported above.
    });
  }
}

/** Host, port and database of a connection string, for messages: never its user or password. */
export function hostOf(url: string): string {
  const parsed = URL.parse(url);
  return parsed === null ? "not a URL" : `${parsed.host}${parsed.pathname}`;
}
