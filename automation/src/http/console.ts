import { existsSync } from "node:fs";
import path from "node:path";
import fastifyStatic from "@fastify/static";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";

const ONE_YEAR_SECONDS = 31_536_000;

export interface ConsoleOptions {
  /** The built console (index.html, assets/). */
  consoleDir: string;
  /** Answers an address that is neither a file nor a page: 401 without a token, else 404 or 405. */
  refuse: (request: FastifyRequest, reply: FastifyReply) => Promise<never>;
}

/**
 * Serves the built console on every GET that no other route takes: its files, and its index.html for a browser's navigation,
 * so that the console's own addresses can be loaded anew.
 */
export async function registerConsole(
  app: FastifyInstance,
  { consoleDir, refuse }: ConsoleOptions,
): Promise<void> {
  await app.register(fastifyStatic, {
    root: consoleDir,
    serve: false,
    // A build may be missing at the first start, or be made while the server runs.
    suppressWarning: true,
    cacheControl: false,
    setHeaders: (reply, file) => {
      // Vite puts a digest into the names below assets/; everything else may change under its name.
      const hashed = file.startsWith(path.join(consoleDir, "assets") + path.sep);
      const value = hashed ? `public, max-age=${ONE_YEAR_SECONDS}, immutable` : "no-cache";
      reply.header("cache-control", value);
    },
  });
  app.get("/*", { config: { permission: "public" }, schema: { hide: true } }, async (request, reply) => {
    const name = decodeURIComponent(new URL(request.url, "http://localhost").pathname).slice(1);
    if (isFile(consoleDir, name)) return reply.sendFile(name);
    const first = name.split("/")[0] ?? "";
    const isNavigation = request.headers.accept?.includes("text/html") === true;
    if (!isNavigation || RESERVED.has(first)) return refuse(request, reply);
    if (isFile(consoleDir, "index.html")) return reply.sendFile("index.html");
    return reply.code(503).type("text/html; charset=utf-8").send(NOT_BUILT);
  });
}

/** First parts of the addresses that programs use: never answered with the console. */
const RESERVED = new Set(["v1", "api", "docs", "metrics", "livez", "readyz"]);

const NOT_BUILT = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Slipway</title>
<h1>The console is not built</h1><p>Start Slipway with <code>npm start</code>, which builds it. The API works without it; its
reference is at <a href="/docs">/docs</a>.</p></html>`;

function isFile(folder: string, name: string): boolean {
  if (name === "" || name.includes("\0") || name.split(/[/\\]/).includes("..")) return false;
  if (name.split("/").some((part) => part.startsWith("."))) return false;
  return path.extname(name) !== "" && existsSync(path.join(folder, name));
}
