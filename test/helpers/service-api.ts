import { request } from "node:http";
import { gunzipSync, gzipSync } from "node:zlib";
import { sql } from "kysely";
import type { Database } from "../../automation/src/database.ts";

/** What the service API answered. */
export interface ApiAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  /** Parsed, when it is JSON; else undefined. */
  json: unknown;
}

export interface ApiRequest {
  /** `token <...>` or `update-token <...>`; none: anonymous. */
  authorization?: string;
  /** Sent as they are. */
  body?: string | Buffer;
  gzip?: boolean;
  headers?: Record<string, string>;
}

/** Asks a server that listens; the path is sent as it is written, `..` and `%2f` included. */
export function askServiceApi(
  url: string,
  method: string,
  path: string,
  { authorization, body, gzip = false, headers = {} }: ApiRequest = {},
): Promise<ApiAnswer> {
  const { hostname, port } = new URL(url);
  const bytes = body === undefined ? undefined : gzip ? gzipSync(body) : Buffer.from(body);
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        hostname,
        port,
        method,
        path,
        headers: {
          accept: "application/vnd.pulumi+9",
          "user-agent": "pulumi-cli/1 (v3.250.0; linux; cmd=up)",
          ...(authorization === undefined ? {} : { authorization }),
          ...(bytes === undefined
            ? {}
            : { "content-type": "application/json", "content-length": bytes.length }),
          ...(gzip ? { "content-encoding": "gzip" } : {}),
          ...headers,
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.once("error", reject);
        response.once("end", () => {
          const received = Buffer.concat(chunks);
          const unpacked = response.headers["content-encoding"] === "gzip" ? gunzipSync(received) : received;
          const text = unpacked.toString("utf8");
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text,
            json: String(response.headers["content-type"]).includes("json") ? JSON.parse(text) : undefined,
          });
        });
      },
    );
    asked.once("error", reject);
    asked.end(bytes);
  });
}

/** A digest of every row of every table: equal before and after means that nothing was stored. */
export async function digestOfTables(db: Database): Promise<Record<string, string>> {
  const { rows } = await sql<{ name: string }>`
    select format('%I.%I', schemaname, tablename) as name from pg_tables
    where schemaname not in ('pg_catalog', 'information_schema')`.execute(db);
  const digests: Record<string, string> = {};
  for (const { name } of rows) {
    const { rows: found } = await sql<{ digest: string | null }>`
      select md5(string_agg(t::text, ',' order by t::text)) as digest from ${sql.raw(name)} t`.execute(db);
    digests[name] = found[0]?.digest ?? "";
  }
  return digests;
}
