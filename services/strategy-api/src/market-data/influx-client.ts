import { TimeSeriesError } from "../errors.ts";

export type InfluxSettings = {
  /** Without a slash at the end. */
  readonly baseUrl: string;
  readonly organization: string;
  readonly bucket: string;
  readonly token: string;
};

export type InfluxClient = {
  readonly bucket: string;
  /** Points in line protocol with times in milliseconds. A point that is there already is overwritten. */
  write(lines: readonly string[]): Promise<void>;
  /** The rows that a query in Flux answers, by column. */
  query(flux: string): Promise<Record<string, string>[]>;
};

const ANSWER_TIMEOUT_MS = 2_000;
/** What of a refusal is kept for the log. */
const REFUSAL_CHARACTERS = 200;

/**
 * The two calls of InfluxDB's API, version 2, that the sample needs: https://docs.influxdata.com/influxdb/v2/api/v2/. Both reject with TimeSeriesError, in which the token never stands.
 */
export function influxClient(settings: InfluxSettings): InfluxClient {
  const { baseUrl, organization, bucket, token } = settings;

  async function post(
    path: string,
    query: Record<string, string>,
    type: string,
    body: string,
  ): Promise<string> {
    const url = `${baseUrl}${path}?${new URLSearchParams({ org: organization, ...query })}`;
    let answer: Response;
    let text: string;
    try {
      answer = await fetch(url, {
        method: "POST",
        headers: { authorization: `Token ${token}`, "content-type": type, accept: "application/csv" },
        body,
        // The token goes nowhere but there.
        redirect: "error",
        signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
      });
      text = await answer.text();
    } catch (error) {
      throw new TimeSeriesError("It cannot be reached.", { cause: error });
    }
    if (answer.ok) return text;
    throw new TimeSeriesError(`It answered ${answer.status}: ${text.slice(0, REFUSAL_CHARACTERS)}`);
  }

  return {
    bucket,
    write: async (lines) => {
      await post("/api/v2/write", { bucket, precision: "ms" }, "text/plain; charset=utf-8", lines.join("\n"));
    },
    query: async (flux) => rowsOf(await post("/api/v2/query", {}, "application/vnd.flux", flux)),
  };
}

/** The rows of an answer in CSV: tables with a head each, divided by empty lines. A failure half-way is a table of its own. */
function rowsOf(csv: string): Record<string, string>[] {
  const rows: Record<string, string>[] = [];
  let head: string[] | undefined;
  for (const line of csv.split(/\r?\n/)) {
    const cells = line.split(",");
    if (line === "") head = undefined;
    else if (line.startsWith("#")) continue;
    else if (head === undefined) head = cells;
    else if (head.includes("error")) {
      throw new TimeSeriesError(`The query failed: ${line.slice(0, REFUSAL_CHARACTERS)}`);
    } else rows.push(Object.fromEntries(head.map((name, index) => [name, cells[index] ?? ""])));
  }
  return rows;
}
