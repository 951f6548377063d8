import type { z } from "zod";
import type { Verb } from "./access.ts";

/**
 * What a caller must be allowed to do on the organisation, the stack, the deployment or the update that the request names. `any`: whoever
 * presents a valid token; the handler decides what they get.
 */
export type Permission = Verb | "any";
type Schema = z.ZodType;

/** One row of the API: the server registers it, the client derives a method from it, OpenAPI is generated from it. */
export interface Endpoint {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Fastify form, `:name` for parameters. */
  readonly path: string;
  readonly summary: string;
  readonly permission: Permission;
  /** What `:id` names, so that its stack can be found. */
  readonly about?: "deployment" | "update" | "delivery";
  readonly params?: Schema;
  readonly query?: Schema;
  readonly body?: Schema;
  /** Of the body; left out: what is usual. */
  readonly bodyLimitBytes?: number;
  /** Success status and its body; null: no content. Problems are common to all. */
  readonly success: { readonly status: 200 | 201 | 202 | 204; readonly body: Schema | null };
  /** Takes an Idempotency-Key header. */
  readonly idempotent?: true;
  /** `event-stream`: answers text/event-stream when asked for by Accept, else a page of events. */
  readonly stream?: true;
}
