import type { z } from "zod";
import type { Endpoint } from "../contract/endpoint.ts";
import { Problem } from "../contract/problems.ts";
import { messageOf, SlipwayError } from "../errors.ts";
import { ProblemError } from "./problem-error.ts";

/** Where the server is and who asks. */
export interface Connection {
  /** `http://127.0.0.1:7420`; in a browser "" is the page's own server. */
  baseUrl: string;
  /** Left out: no Authorization header is sent, and all but the probes is refused. */
  token?: string | undefined;
  /** Another fetch; default the global one. */
  fetch?: typeof fetch;
}

/** What one call may carry. */
export interface CallInput {
  params?: Readonly<Record<string, unknown>>;
  query?: Readonly<Record<string, unknown>>;
  body?: unknown;
  /** Repeating a change with the same key gets the first answer. */
  idempotencyKey?: string;
  headers?: Readonly<Record<string, string>>;
  signal?: AbortSignal;
}

/** Address of an endpoint with its parameters in place. */
export function urlOf(baseUrl: string, path: string, input: Pick<CallInput, "params" | "query">): string {
  const filled = path.replace(/:([a-z]+)/gi, (_, name: string) =>
    encodeURIComponent(String(input.params?.[name])),
  );
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(input.query ?? {})) {
    if (value !== undefined) query.set(name, String(value));
  }
  return `${baseUrl.replace(/\/+$/, "")}${filled}${query.size === 0 ? "" : `?${query}`}`;
}

/** Sends a request. Throws ProblemError for a problem, SlipwayError `server_unreachable` when nothing answers. */
export async function send(
  connection: Connection,
  method: string,
  url: string,
  input: Pick<CallInput, "body" | "headers" | "idempotencyKey" | "signal">,
): Promise<Response> {
  const headers = new Headers(input.headers);
  if (!headers.has("accept")) headers.set("accept", "application/json");
  if (connection.token !== undefined) headers.set("authorization", `Bearer ${connection.token}`);
  if (input.body !== undefined) headers.set("content-type", "application/json");
  if (input.idempotencyKey !== undefined) headers.set("idempotency-key", input.idempotencyKey);
  const ask = connection.fetch ?? fetch;
  let response: Response;
  try {
    response = await ask(url, {
      method,
      headers,
      ...(input.body === undefined ? {} : { body: JSON.stringify(input.body) }),
      ...(input.signal === undefined ? {} : { signal: input.signal }),
    });
  } catch (cause) {
    if (input.signal?.aborted === true) throw cause;
    throw new SlipwayError(
      "server_unreachable",
      `The server does not answer at ${connection.baseUrl === "" ? url : connection.baseUrl}: ${reasonOf(cause)}.`,
      {
        cause,
        remedy: "Start it with `npm start`, or name another one with --server or SLIPWAY_URL.",
      },
    );
  }
  if (!response.ok) throw await problemIn(response);
  return response;
}

/** Calls one endpoint and answers its parsed body; undefined when it has none. */
export async function call(connection: Connection, endpoint: Endpoint, input: CallInput): Promise<unknown> {
  const response = await send(
    connection,
    endpoint.method,
    urlOf(connection.baseUrl, endpoint.path, input),
    input,
  );
  if (endpoint.success.body === null) return undefined;
  return parseAnswer(endpoint.success.body, await readJson(response));
}

/** Parses what a server sent. Throws SlipwayError `unexpected_answer`: that server has another version. */
export function parseAnswer<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [first] = result.error.issues;
  throw new SlipwayError(
    "unexpected_answer",
    `The server's answer does not have the expected form (${first?.path.join(".") ?? ""}: ${first?.message ?? ""}).`,
    { cause: result.error, remedy: "Use the same version of the client and of the server." },
  );
}

async function readJson(response: Response): Promise<unknown> {
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new SlipwayError("unexpected_answer", `What answered at ${response.url} is not a Slipway server.`, {
      cause,
      remedy: "Check the server's address.",
    });
  }
}

async function problemIn(response: Response): Promise<SlipwayError> {
  const text = await response.text().catch(() => "");
  try {
    const parsed = Problem.safeParse(JSON.parse(text));
    if (parsed.success) return new ProblemError(parsed.data);
  } catch {
    // Not JSON: something else than Slipway answered, which is said below.
  }
  return new SlipwayError(
    "unexpected_answer",
    `The server answered ${response.status} without a problem document.`,
    {
      remedy: "Check the server's address; a proxy may have answered in its place.",
    },
  );
}

/** fetch hides the reason (ECONNREFUSED) in its cause. */
function reasonOf(thrown: unknown): string {
  const inner = thrown instanceof Error && thrown.cause !== undefined ? thrown.cause : thrown;
  const message = messageOf(inner);
  if (message !== "") return message;
  return inner instanceof Error && "code" in inner ? String(inner.code) : "no reason given";
}
