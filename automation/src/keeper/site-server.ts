import { createHash } from "node:crypto";
import { access } from "node:fs/promises";
import { join } from "node:path";
import fastifyStatic from "@fastify/static";
import fastify, { type FastifyInstance } from "fastify";
import { cacheControlOf, isHashedAsset, isNavigation } from "./asset-caching.ts";

export interface SiteContent {
  /** Folder that is served. */
  root: string;
  /** Folder of the site that this one replaced: pages still open in browsers ask for its hashed assets. */
  previousRoot: string | undefined;
  configPath: string;
  runtimeConfig: Readonly<Record<string, unknown>>;
}

/** A web server for one site. It listens to nothing yet. */
export async function buildSiteServer(content: SiteContent): Promise<FastifyInstance> {
  const app = fastify({ logger: false, forceCloseConnections: true });
  const config = JSON.stringify(content.runtimeConfig);
  const configTag = `"${createHash("sha256").update(config).digest("hex").slice(0, 32)}"`;

  app.get(content.configPath, (request, reply) => {
    reply.header("cache-control", "no-cache").header("etag", configTag);
    if (request.headers["if-none-match"] === configTag) return reply.code(304).send();
    return reply.type("application/json; charset=utf-8").send(config);
  });
  await app.register(fastifyStatic, {
    root: content.root,
    // The header is set below; the plugin's own has one value for all files.
    cacheControl: false,
    setHeaders: (reply, path) => {
      reply.header("cache-control", cacheControlOf(path));
      reply.header("x-content-type-options", "nosniff");
    },
  });
  app.setNotFoundHandler(async (request, reply) => {
    const path = request.url.split("?", 1)[0] ?? "/";
    const { previousRoot } = content;
    if (previousRoot !== undefined && isHashedAsset(path) && (await exists(join(previousRoot, path)))) {
      return reply.sendFile(path, previousRoot);
    }
    if (isNavigation(request.method, path, request.headers.accept)) return reply.sendFile("index.html");
    return reply
      .code(404)
      .header("cache-control", "no-store")
      .type("application/problem+json")
      .send({ status: 404, title: "There is no such file." });
  });
  return app;
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    // Any reason why it cannot be read means that it is not there for us.
    return false;
  }
}
