import { z } from "zod";
import { type Connection, send, urlOf } from "../../client/call.ts";
import { SlipwayError } from "../../errors.ts";

/** Names one stack on the server. */
export interface StackNames {
  readonly organisation: string;
  readonly project: string;
  readonly stack: string;
}

const STACK = "/api/stacks/:organisation/:project/:stack";
/** The most that the server gives on one page. */
const PAGE_SIZE = 100;

/** Text of a stack's state as `pulumi stack export` gives it; `version` null: the newest, else what that update left. */
export async function fetchState(
  connection: Connection,
  names: StackNames,
  version: number | null,
  signal: AbortSignal,
): Promise<string> {
  const path = version === null ? `${STACK}/export` : `${STACK}/export/${version}`;
  return (await ask(connection, urlOf(connection.baseUrl, path, { params: { ...names } }), signal)).text();
}

const PastUpdate = z.looseObject({
  kind: z.string(),
  startTime: z.number(),
  endTime: z.number(),
  result: z.string(),
  version: z.int(),
});
/** An update as the service API tells it; fields that are not named here are kept. */
export type PastUpdate = z.output<typeof PastUpdate>;
const Updates = z.looseObject({ updates: z.array(PastUpdate) });

/** All updates of a stack, oldest first. */
export async function fetchUpdates(
  connection: Connection,
  names: StackNames,
  signal: AbortSignal,
): Promise<PastUpdate[]> {
  const found: PastUpdate[] = [];
  for (let page = 1; ; page += 1) {
    const url = urlOf(connection.baseUrl, `${STACK}/updates`, {
      params: { ...names },
      query: { pageSize: PAGE_SIZE, page },
    });
    const { updates } = Updates.parse(await (await ask(connection, url, signal)).json());
    found.push(...updates);
    if (updates.length < PAGE_SIZE) return found.toReversed();
  }
}

/** Pulumi's own way to say who asks; it answers errors of another form than /v1 does. */
async function ask({ baseUrl, token }: Connection, url: string, signal: AbortSignal): Promise<Response> {
  const answered: { response: Response | null } = { response: null };
  const keeping: typeof fetch = async (input, init) => {
    answered.response = await fetch(input, init);
    return answered.response.ok ? answered.response : new Response(null, { status: 200 });
  };
  const headers = { authorization: `token ${token ?? ""}`, accept: "application/vnd.pulumi+8" };
  const response = await send({ baseUrl, fetch: keeping }, "GET", url, { headers, signal });
  if (answered.response?.ok === true) return response;
  const text = (await answered.response?.text()) ?? "";
  throw new SlipwayError(CODES[answered.response?.status ?? 0] ?? "unexpected_answer", messageIn(text));
}

const CODES: Readonly<Record<number, string>> = {
  401: "unauthenticated",
  403: "forbidden",
  404: "not_found",
  409: "conflict",
};
const ApiError = z.looseObject({ message: z.string() });

function messageIn(text: string): string {
  try {
    return ApiError.parse(JSON.parse(text)).message;
  } catch {
    // Something else than Slipway answered.
    return "The server's answer cannot be read.";
  }
}
