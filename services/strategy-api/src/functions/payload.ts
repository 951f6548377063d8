import type { FastifyInstance, InjectOptions } from "fastify";
import { z } from "zod";

const METHODS = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"] as const;

/** What an HTTP API sends, payload format 2.0: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html */
export const HttpEvent = z.object({
  version: z.literal("2.0"),
  rawPath: z.string(),
  rawQueryString: z.string().default(""),
  headers: z.record(z.string(), z.string()).default({}),
  cookies: z.array(z.string()).default([]),
  requestContext: z.object({
    stage: z.string().default("$default"),
    http: z.object({ method: z.enum(METHODS) }),
  }),
  body: z.string().optional(),
  isBase64Encoded: z.boolean().default(false),
});

export type HttpAnswer = {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly cookies: readonly string[];
  readonly body: string;
  readonly isBase64Encoded: false;
};

/** The request that an event stands for. A stage with a name is part of the event's path, and none of the application's. */
export function requestOf(event: z.output<typeof HttpEvent>): InjectOptions {
  const { stage, http } = event.requestContext;
  const prefix = `/${stage}`;
  const path =
    stage !== "$default" && (event.rawPath === prefix || event.rawPath.startsWith(`${prefix}/`))
      ? event.rawPath.slice(prefix.length) || "/"
      : event.rawPath;
  const cookies = event.cookies.length === 0 ? {} : { cookie: event.cookies.join("; ") };
  return {
    method: http.method,
    url: event.rawQueryString === "" ? path : `${path}?${event.rawQueryString}`,
    headers: { ...event.headers, ...cookies },
    ...(event.body === undefined
      ? {}
      : { payload: Buffer.from(event.body, event.isBase64Encoded ? "base64" : "utf8") }),
  };
}

/** Lets the application answer an event. Every answer of this API is text. */
export async function answerEvent(app: FastifyInstance, given: unknown): Promise<HttpAnswer> {
  const response = await app.inject(requestOf(HttpEvent.parse(given)));
  const cookies: string[] = [];
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(response.headers)) {
    if (value === undefined) continue;
    const values = Array.isArray(value) ? value : [String(value)];
    if (name === "set-cookie") cookies.push(...values);
    // The HTTP API frames the answer itself.
    else if (name !== "connection" && name !== "transfer-encoding") headers[name] = values.join(", ");
  }
  return {
    statusCode: response.statusCode,
    headers,
    cookies,
    body: response.body,
    isBase64Encoded: false,
  };
}
