import { request } from "node:http";
import type { z } from "zod";
import { KeeperProblem } from "./contract.ts";

/** Long enough for the longest allowed health timeout plus ingesting a large bundle; a keeper that hangs must not hang a deployment for ever. */
const REQUEST_TIMEOUT_MS = 4_000_000;
const NOT_RUNNING_CODES = new Set(["ENOENT", "ECONNREFUSED"]);

/** The keeper refused, failed or is not there. The message is one sentence or more for people, with what to do. */
export class KeeperError extends Error {
  readonly code: string;
  readonly status: number | undefined;

  constructor(code: string, message: string, status?: number, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "KeeperError";
    this.code = code;
    this.status = status;
  }
}

export interface KeeperClient {
  /** Sends one request and parses the answer. Throws KeeperError; its `status` is undefined when there was no answer. */
  call<T>(method: "GET" | "POST" | "PUT", path: string, body: unknown, answer: z.ZodType<T>): Promise<T>;
  /** As `call` with GET, but undefined for 404. */
  find<T>(path: string, answer: z.ZodType<T>): Promise<T | undefined>;
  /** Deletes; what is already gone counts as deleted. */
  remove(path: string): Promise<void>;
}

/** A client of the keeper behind `socketPath`. Aborting `signal` ends requests in flight, upon which the keeper undoes an unfinished create. */
export function keeperClient(socketPath: string, signal?: AbortSignal): KeeperClient {
  const send = async (
    method: string,
    path: string,
    body: unknown,
  ): Promise<{ status: number; text: string }> => await exchange(socketPath, method, path, body, signal);
  return {
    async call(method, path, body, answer) {
      const { status, text } = await send(method, path, body);
      if (status >= 400) throw refusal(status, text);
      return answer.parse(JSON.parse(text));
    },
    async find(path, answer) {
      const { status, text } = await send("GET", path, undefined);
      if (status === 404) return undefined;
      if (status >= 400) throw refusal(status, text);
      return answer.parse(JSON.parse(text));
    },
    async remove(path) {
      const { status, text } = await send("DELETE", path, undefined);
      if (status >= 400 && status !== 404) throw refusal(status, text);
    },
  };
}

function exchange(
  socketPath: string,
  method: string,
  path: string,
  body: unknown,
  signal: AbortSignal | undefined,
): Promise<{ status: number; text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
  const failed = (cause: Error) => {
    const code = "code" in cause && typeof cause.code === "string" ? cause.code : "";
    if (NOT_RUNNING_CODES.has(code)) {
      reject(
        new KeeperError(
          "keeper_not_running",
          `The keeper is not running (nothing listens on ${socketPath}). Start it with npm start, or set SLIPWAY_KEEPER_SOCKET to the socket of the one you mean.`,
          undefined,
          cause,
        ),
      );
    } else if (signal?.aborted === true) {
      reject(new KeeperError("cancelled", "Cancelled.", undefined, cause));
    } else {
      reject(
        new KeeperError(
          "keeper_unreachable",
          `The keeper did not answer: ${cause.message}`,
          undefined,
          cause,
        ),
      );
    }
  };
  const json = body === undefined ? undefined : JSON.stringify(body);
  const outgoing = request(
    {
      socketPath,
      method,
      path,
      timeout: REQUEST_TIMEOUT_MS,
      // A kept connection may lead to a keeper that was stopped meanwhile, and would make that one wait when it stops.
      agent: false,
      ...(signal === undefined ? {} : { signal }),
      headers:
        json === undefined
          ? {}
          : { "content-type": "application/json", "content-length": Buffer.byteLength(json) },
    },
    (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", failed);
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") }),
      );
    },
  );
  outgoing.on("error", failed);
  outgoing.on("timeout", () => outgoing.destroy(new Error(`no answer within ${REQUEST_TIMEOUT_MS} ms`)));
  outgoing.end(json);
  return promise;
}

function refusal(status: number, text: string): KeeperError {
  try {
    const problem = KeeperProblem.parse(JSON.parse(text));
    const remedy = problem.remedy === undefined ? "" : ` ${problem.remedy}`;
    return new KeeperError(problem.code, `${problem.title}${remedy}`, status);
  } catch {
    // Not a problem document of the keeper's: show what it was.
    return new KeeperError("keeper_failed", `The keeper answered ${status}: ${text.slice(0, 500)}`, status);
  }
}
