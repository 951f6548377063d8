import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import {
  type CreateEndpoint,
  type EndpointView,
  Route,
  type UpdateEndpoint,
} from "../../../infra/providers/local/contract.ts";
import { SlipwayError, systemCode } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { Ports } from "./ports.ts";
import { type EndpointProxy, startProxy } from "./proxy.ts";
import type { Records } from "./records.ts";

const LISTEN_RETRY_INTERVAL_MS = 1000;

export const EndpointRecord = z.object({
  id: z.string(),
  name: z.string(),
  owner: z.string(),
  port: z.int(),
  routes: z.array(Route),
  drainTimeoutSeconds: z.number(),
});
export type EndpointRecord = z.infer<typeof EndpointRecord>;

export interface EndpointsOptions {
  records: Records<EndpointRecord>;
  ports: Ports;
  logger: Logger;
  /** Null when what listens on this port can serve, a reason when it cannot, undefined when it is nothing of the keeper's. */
  upstreamHealth: (port: number, signal: AbortSignal) => Promise<string | null | undefined>;
}

/** The endpoints of one keeper. */
export class Endpoints {
  readonly #options: EndpointsOptions;
  readonly #proxies = new Map<string, EndpointProxy>();
  readonly #closing = new AbortController();
  readonly #retries = new Set<Promise<void>>();

  constructor(options: EndpointsOptions) {
    this.#options = options;
  }

  /** Listens again on every stored port. One that is taken meanwhile is tried again until it is free; until then it shows as gone. */
  async restore(): Promise<void> {
    for (const record of this.#options.records.all()) {
      this.#options.ports.reserve(record.port);
      try {
        await this.#listen(record);
      } catch (err) {
        this.#options.logger.error(
          { endpoint: record.id, port: record.port, err },
          "endpoint cannot listen yet",
        );
        const retry = this.#listenLater(record.id).finally(() => this.#retries.delete(retry));
        this.#retries.add(retry);
      }
    }
  }

  list(): EndpointView[] {
    return this.#options.records.all().map((record) => this.#viewOf(record));
  }

  view(id: string): EndpointView | undefined {
    const record = this.#options.records.get(id);
    return record && this.#viewOf(record);
  }

  /** Throws SlipwayError `upstream_unhealthy`, or `port_taken` for a port that was asked for. */
  async create(input: CreateEndpoint, signal: AbortSignal): Promise<EndpointView> {
    await this.#refuseUnhealthy(input.routes, signal);
    const port = input.port ?? (await this.#options.ports.allocate(input.owner));
    const record: EndpointRecord = {
      id: `${input.name}-${randomBytes(6).toString("hex")}`,
      name: input.name,
      owner: input.owner,
      port,
      routes: input.routes,
      drainTimeoutSeconds: input.drainTimeoutSeconds,
    };
    try {
      await this.#listen(record);
    } catch (cause) {
      if (input.port === undefined) this.#options.ports.release(port);
      if (systemCode(cause) !== "EADDRINUSE" && systemCode(cause) !== "EACCES") throw cause;
      throw new SlipwayError("port_taken", `Endpoint ${input.name} cannot listen on port ${port}.`, {
        cause,
        remedy: "Stop what uses the port, or configure another one.",
      });
    }
    this.#options.ports.reserve(port);
    await this.#options.records.put(record);
    return this.#viewOf(record);
  }

  /**
   * Moves the routes, then drains what they left, and returns when nothing old is being answered any more. Throws SlipwayError
   * `upstream_unhealthy`, with nothing moved, unless every process routed to answers its health path. Undefined without such an endpoint.
   */
  async update(id: string, input: UpdateEndpoint, signal: AbortSignal): Promise<EndpointView | undefined> {
    const record = this.#options.records.get(id);
    if (record === undefined) return undefined;
    await this.#refuseUnhealthy(input.routes, signal);
    signal.throwIfAborted();
    const moved: EndpointRecord = { ...record, ...input };
    await this.#options.records.put(moved);
    const proxy = this.#proxies.get(id);
    proxy?.setRoutes(moved.routes);
    const cut = await proxy?.drain(moved.drainTimeoutSeconds * 1000, this.#closing.signal);
    if (cut !== undefined && cut > 0) this.#options.logger.warn({ endpoint: id, cut }, "requests were cut");
    return this.#viewOf(moved);
  }

  async remove(id: string): Promise<boolean> {
    const record = this.#options.records.get(id);
    if (record === undefined) return false;
    await this.#options.records.remove(id);
    await this.#proxies.get(id)?.close();
    this.#proxies.delete(id);
    this.#options.ports.release(record.port);
    return true;
  }

  /** Gives up draining and listening again, so that requests to this keeper end soon. */
  beginClosing(): void {
    this.#closing.abort();
  }

  /** Stops listening; the records stay for the next keeper. */
  async close(): Promise<void> {
    this.beginClosing();
    await Promise.all(this.#retries);
    await Promise.all([...this.#proxies.values()].map((proxy) => proxy.close()));
    this.#proxies.clear();
  }

  async #refuseUnhealthy(routes: readonly Route[], signal: AbortSignal): Promise<void> {
    for (const { path, upstream } of routes) {
      const reason = await this.#options.upstreamHealth(Number(new URL(upstream).port), signal);
      if (reason === null) continue;
      const why = reason === undefined ? "is neither a process nor a site of this keeper" : reason;
      throw new SlipwayError(
        "upstream_unhealthy",
        `The route ${path} stays where it was: ${upstream} ${why}.`,
      );
    }
  }

  async #listen(record: EndpointRecord): Promise<void> {
    this.#proxies.set(record.id, await startProxy(record.port, record.routes, this.#options.logger));
  }

  async #listenLater(id: string): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      await sleep(LISTEN_RETRY_INTERVAL_MS, undefined, { signal }).catch(() => undefined);
      const record = this.#options.records.get(id);
      if (record === undefined || signal.aborted) return;
      try {
        await this.#listen(record);
        this.#options.logger.info({ endpoint: id, port: record.port }, "endpoint listens again");
        return;
      } catch (thrown) {
        // Reported when it began; refresh shows the endpoint as gone for as long as it lasts.
        if (systemCode(thrown) !== "EADDRINUSE") throw thrown;
      }
    }
  }

  #viewOf(record: EndpointRecord): EndpointView {
    return {
      id: record.id,
      name: record.name,
      owner: record.owner,
      listening: this.#proxies.has(record.id),
      url: `http://127.0.0.1:${record.port}`,
      port: record.port,
      routes: record.routes,
      drainTimeoutSeconds: record.drainTimeoutSeconds,
    };
  }
}
