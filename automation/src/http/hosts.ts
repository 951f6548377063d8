import type { FastifyReply, FastifyRequest } from "fastify";
import { SlipwayError } from "../errors.ts";

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);
const WILDCARD = new Set(["0.0.0.0", "::", "[::]"]);

/** Under which names this server may be asked. */
export interface HostRule {
  /** What it listens on (SLIPWAY_HOST). */
  host: string;
  /** Where people reach it when that is another address (a proxy, a published port); undefined: where it listens. */
  publicUrl: string | undefined;
}

/** The right URL of the server, for people. */
export function rightUrl(rule: HostRule, port: number | undefined): string {
  if (rule.publicUrl !== undefined) return rule.publicUrl;
  const host = WILDCARD.has(rule.host) ? "localhost" : rule.host.includes(":") ? `[${rule.host}]` : rule.host;
  return `http://${host}${port === undefined ? "" : `:${port}`}`;
}

/**
 * Says whether a Host header (`name:port`) names this server. A page of another site whose name is made to resolve to
 * this address (DNS rebinding) is refused here. `port` is the local port of the connection; undefined when there is none.
 */
export function isAllowedHost(rule: HostRule, header: string | undefined, port: number | undefined): boolean {
  const url = URL.parse(`http://${header ?? ""}`);
  if (header === undefined || url === null || url.pathname !== "/" || header.includes("@")) return false;
  if (rule.publicUrl !== undefined && header.toLowerCase() === new URL(rule.publicUrl).host) return true;
  const known = LOOPBACK.has(url.hostname) || bare(url.hostname) === bare(rule.host);
  return known && (port === undefined || Number(url.port === "" ? 80 : url.port) === port);
}

/** Says whether an Origin header names this server. `null` and every other site do not. */
export function isAllowedOrigin(rule: HostRule, origin: string, port: number | undefined): boolean {
  const url = URL.parse(origin);
  if (url === null || !["http:", "https:"].includes(url.protocol)) return false;
  if (rule.publicUrl !== undefined && url.origin === new URL(rule.publicUrl).origin) return true;
  return url.protocol === "http:" && isAllowedHost({ ...rule, publicUrl: undefined }, url.host, port);
}

/** Refuses a request for another host (421; a page with the right URL for browsers) or from another site (403). */
export function checkHostAndOrigin(
  rule: HostRule,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply | undefined {
  const port = request.socket.localPort;
  if (!isAllowedHost(rule, request.headers.host, port)) return refuseHost(rule, request, reply, port);
  const { origin } = request.headers;
  if (origin !== undefined && !isAllowedOrigin(rule, origin, port)) {
    throw new SlipwayError("origin_not_allowed", "Requests from pages of other sites are refused.", {
      remedy: `Use the console at ${rightUrl(rule, port)}.`,
    });
  }
  return undefined;
}

function refuseHost(
  rule: HostRule,
  request: FastifyRequest,
  reply: FastifyReply,
  port: number | undefined,
): FastifyReply {
  const url = rightUrl(rule, port);
  if (request.headers.accept?.includes("text/html") === true) {
    return reply.code(421).type("text/html; charset=utf-8").send(page(url));
  }
  const remedy = `Use ${url}, or start the server with SLIPWAY_PUBLIC_URL set to the address that you use.`;
  throw new SlipwayError("host_not_allowed", `This server is ${url}.`, { remedy });
}

function page(url: string): string {
  const safe = url.replace(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`);
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Slipway is at another address</title>
<h1>Slipway is at another address</h1><p>Open <a href="${safe}">${safe}</a>.</p>
<p>To use the address that you typed, start Slipway with SLIPWAY_PUBLIC_URL set to it.</p></html>`;
}

function bare(host: string): string {
  return host.replace(/^\[|\]$/g, "").toLowerCase();
}
