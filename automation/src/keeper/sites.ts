import { randomBytes } from "node:crypto";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import type { CreateSite, SiteView } from "../../../infra/providers/local/contract.ts";
import { SlipwayError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { BundleStore } from "./bundles.ts";
import type { Ports } from "./ports.ts";
import type { Records } from "./records.ts";
import { buildSiteServer } from "./site-server.ts";

export const SiteRecord = z.object({
  id: z.string(),
  name: z.string(),
  owner: z.string(),
  port: z.int(),
  bundleDigest: z.string(),
  /** What the same resource served before. */
  previousDigest: z.string().nullable(),
  runtimeConfig: z.record(z.string(), z.unknown()),
  configPath: z.string(),
  createdAt: z.string(),
});
export type SiteRecord = z.infer<typeof SiteRecord>;

export interface SitesOptions {
  records: Records<SiteRecord>;
  bundles: BundleStore;
  ports: Ports;
  logger: Logger;
  now: () => Date;
}

/** The static sites of one keeper, each on a port of its own. */
export class Sites {
  readonly #options: SitesOptions;
  readonly #servers = new Map<string, FastifyInstance>();

  constructor(options: SitesOptions) {
    this.#options = options;
  }

  /** Serves every stored site again. One that cannot be served shows as gone. */
  async restore(): Promise<void> {
    for (const record of this.#options.records.all()) {
      this.#options.ports.reserve(record.port);
      try {
        await this.#serve(record);
      } catch (err) {
        this.#options.logger.error({ site: record.id, port: record.port, err }, "site cannot be served");
      }
    }
  }

  list(): SiteRecord[] {
    return this.#options.records.all();
  }

  async view(id: string): Promise<SiteView | undefined> {
    const record = this.#options.records.get(id);
    return record && (await this.#viewOf(record));
  }

  /** Throws the errors of BundleStore.ingest. */
  async create(input: CreateSite): Promise<SiteView> {
    await this.#options.bundles.ingest(input.bundle);
    const previous = this.list()
      .filter((record) => record.owner === input.owner)
      .sort((a, b) => b.createdAt.localeCompare(a.createdAt))[0];
    const record: SiteRecord = {
      id: `${input.name}-${randomBytes(6).toString("hex")}`,
      name: input.name,
      owner: input.owner,
      port: await this.#options.ports.allocate(),
      bundleDigest: input.bundle.digest,
      previousDigest: previous?.bundleDigest ?? null,
      runtimeConfig: input.runtimeConfig,
      configPath: input.configPath,
      createdAt: this.#options.now().toISOString(),
    };
    try {
      await this.#serve(record);
      await this.#options.records.put(record);
    } catch (thrown) {
      await this.#stop(record);
      throw thrown;
    }
    return await this.#viewOf(record);
  }

  async remove(id: string): Promise<boolean> {
    const record = this.#options.records.get(id);
    if (record === undefined) return false;
    await this.#options.records.remove(id);
    await this.#stop(record);
    return true;
  }

  owns(port: number): boolean {
    return this.list().some((record) => record.port === port);
  }

  /** Null when the site of this port is being served, else why it cannot be. */
  healthByPort(port: number): string | null {
    const record = this.list().find((candidate) => candidate.port === port);
    return record !== undefined && this.#servers.has(record.id) ? null : "is not being served";
  }

  /** Stops serving; the records stay for the next keeper. */
  async close(): Promise<void> {
    await Promise.all([...this.#servers.values()].map((server) => server.close()));
    this.#servers.clear();
  }

  async #serve(record: SiteRecord): Promise<void> {
    const { bundles } = this.#options;
    const root = bundles.pathOf(record.bundleDigest);
    const previousRoot = record.previousDigest === null ? undefined : bundles.pathOf(record.previousDigest);
    const server = await buildSiteServer({ ...record, root, previousRoot });
    try {
      await server.listen({ host: "127.0.0.1", port: record.port });
    } catch (cause) {
      await server.close();
      throw new SlipwayError("port_taken", `Site ${record.name} cannot listen on port ${record.port}.`, {
        cause,
      });
    }
    this.#servers.set(record.id, server);
  }

  async #stop(record: SiteRecord): Promise<void> {
    await this.#servers.get(record.id)?.close();
    this.#servers.delete(record.id);
    this.#options.ports.release(record.port);
  }

  async #viewOf(record: SiteRecord): Promise<SiteView> {
    return {
      id: record.id,
      name: record.name,
      owner: record.owner,
      listening: this.#servers.has(record.id),
      url: `http://127.0.0.1:${record.port}`,
      port: record.port,
      bundleDigest: await this.#options.bundles.actualDigest(record.bundleDigest),
      runtimeConfig: record.runtimeConfig,
      configPath: record.configPath,
    };
  }
}
