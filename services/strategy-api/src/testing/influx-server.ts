import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { text } from "node:stream/consumers";

/** A time series of one bucket that speaks as much of InfluxDB's API (version 2) as the sample does, and answers 400 to the rest: https://docs.influxdata.com/influxdb/v2/api/v2/ */
export type InfluxServer = {
  /** host:port. */
  readonly endpoint: string;
  readonly url: string;
  readonly points: ReadonlyMap<string, Point>;
  /** What it answers from now on instead: a status with a body, or nothing at all. */
  fail(how: { status: number; body?: string } | "hang" | undefined): void;
  close(): Promise<void>;
};
type Point = {
  readonly measurement: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly ms: number;
  readonly fields: Readonly<Record<string, number>>;
};
type Row = { readonly ms: number; readonly value: number };

const LINE =
  /^(?<measurement>\w+)(?<tags>(?:,\w+=[\w-]+)*) (?<fields>\w+=-?[\d.]+(?:,\w+=-?[\d.]+)*) (?<ms>\d{1,15})$/;
const RANGE = /^range\(start: (?<start>[\dTZ:.-]+), stop: (?<stop>[\dTZ:.-]+)\)$/;
const FILTER = /^filter\(fn: \(r\) => (?<all>r\.\w+ == "[\w-]+"(?: and r\.\w+ == "[\w-]+")*)\)$/;
const WINDOW = /^aggregateWindow\(every: (?<every>\d+)ms, fn: last, createEmpty: false, timeSrc: "_start"\)$/;
const KEEP = 'keep(columns: ["_time", "_value"])';

class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Listens on a port of its own. With a certificate it speaks TLS, as the real one does. */
export async function startInfluxServer(holds: {
  readonly organization: string;
  readonly bucket: string;
  readonly token: string;
  readonly tls?: { readonly key: string; readonly cert: string };
}): Promise<InfluxServer> {
  const points = new Map<string, Point>();
  let failure: Parameters<InfluxServer["fail"]>[0];

  async function answer(request: IncomingMessage): Promise<{ status: number; body?: string }> {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://influx");
    const body = await text(request);
    if (pathname === "/ping" && request.method === "GET") return { status: 204 };
    if (request.headers.authorization !== `Token ${holds.token}`)
      throw new Refusal(401, "unauthorized", "unauthorized access");
    if (searchParams.get("org") !== holds.organization)
      throw new Refusal(404, "not found", "organization name not found");
    if (request.method !== "POST") throw new Refusal(404, "not found", "path not found");
    switch (pathname) {
      case "/api/v2/write":
        if (searchParams.get("bucket") !== holds.bucket)
          throw new Refusal(404, "not found", "bucket not found");
        if (searchParams.get("precision") !== "ms")
          throw new Refusal(400, "invalid", "only ms is known here");
        // Nothing of a body with one wrong line is kept here.
        for (const point of body.split("\n").map(pointOf)) {
          const key = JSON.stringify([point.measurement, point.tags, point.ms]);
          points.set(key, { ...point, fields: { ...points.get(key)?.fields, ...point.fields } });
        }
        return { status: 204 };
      case "/api/v2/query":
        if (request.headers["content-type"] !== "application/vnd.flux")
          throw new Refusal(400, "invalid", "only Flux is known here");
        return { status: 200, body: tableOf(queried(body, [...points.values()], holds.bucket)) };
      default:
        throw new Refusal(404, "not found", "path not found");
    }
  }

  const listener: RequestListener = (request: IncomingMessage, response: ServerResponse) => {
    if (failure === "hang") return;
    const given = failure;
    const answered = given === undefined ? answer(request) : Promise.resolve(given);
    void answered
      .catch((error: unknown) => {
        const { status, code, message } =
          error instanceof Refusal ? error : new Refusal(500, "internal error", String(error));
        return { status, body: JSON.stringify({ code, message }) };
      })
      .then(({ status, body }) => response.writeHead(status).end(body));
  };
  const server = holds.tls === undefined ? createServer(listener) : createTlsServer(holds.tls, listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const endpoint = `${holds.tls === undefined ? "127.0.0.1" : "localhost"}:${port}`;
  return {
    endpoint,
    url: `${holds.tls === undefined ? "http" : "https"}://${endpoint}`,
    points,
    fail: (how) => {
      failure = how;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function pointOf(line: string): Point {
  const found = LINE.exec(line)?.groups;
  if (found === undefined) throw new Refusal(400, "invalid", `unable to parse '${line}'`);
  const pairs = (list = "") => list.split(",").map((pair) => pair.split("=") as [string, string]);
  return {
    measurement: found.measurement ?? "",
    tags: Object.fromEntries(pairs(found.tags?.slice(1)).filter(([name]) => name !== "")),
    ms: Number(found.ms),
    fields: Object.fromEntries(pairs(found.fields).map(([name, value]) => [name, Number(value)])),
  };
}

/** What a query of the form that the sample sends finds: one series, oldest first. */
function queried(flux: string, points: readonly Point[], bucket: string): Row[] {
  const [from, range = "", filter = "", ...rest] = flux.split(" |> ");
  const window = rest.length === 2 ? WINDOW.exec(rest[0] ?? "")?.groups : undefined;
  const span = RANGE.exec(range)?.groups;
  const wanted = FILTER.exec(filter)?.groups;
  const isKnown = rest.at(-1) === KEEP && rest.length === (window === undefined ? 1 : 2);
  if (span === undefined || wanted === undefined || !isKnown)
    throw new Refusal(400, "invalid", `not known here: ${flux}`);
  if (from !== `from(bucket: "${bucket}")`) throw new Refusal(404, "not found", "could not find bucket");
  const [start, stop] = [Date.parse(span.start ?? ""), Date.parse(span.stop ?? "")];
  if (!(start < stop)) throw new Refusal(400, "invalid", "cannot query an empty range");
  const conditions = [...(wanted.all ?? "").matchAll(/r\.(\w+) == "([\w-]+)"/g)];
  const rows = points
    .filter(({ ms }) => ms >= start && ms < stop)
    .flatMap(({ measurement, tags, ms, fields }) =>
      Object.entries(fields)
        .filter(([field]) => {
          const record: Record<string, string> = { ...tags, _measurement: measurement, _field: field };
          return conditions.every(([, name = "", value]) => record[name] === value);
        })
        .map(([, value]) => ({ ms, value })),
    )
    .sort((one, other) => one.ms - other.ms);
  if (window === undefined) return rows;
  const every = Number(window.every);
  const last = new Map(rows.map(({ ms, value }) => [Math.max(start, Math.floor(ms / every) * every), value]));
  return [...last].map(([ms, value]) => ({ ms, value }));
}

function tableOf(rows: readonly Row[]): string {
  if (rows.length === 0) return "\r\n";
  const lines = rows.map(({ ms, value }) => `,_result,0,${new Date(ms).toISOString()},${value}`);
  return `${[",result,table,_time,_value", ...lines].join("\r\n")}\r\n\r\n`;
}
