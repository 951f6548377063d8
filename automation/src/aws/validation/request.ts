import { createHash, X509Certificate } from "node:crypto";
import { once } from "node:events";
import * as http from "node:http";
import * as https from "node:https";
import { getCACertificates, TLSSocket } from "node:tls";
import { SlipwayError } from "../../errors.ts";

const TIMEOUT_MS = 15_000;
/** Pages, bundles and lists are far smaller; what is longer is cut, since nothing here looks so far. */
const BODY_LIMIT_BYTES = 8 * 1024 * 1024;

export interface RequestOptions {
  method?: string;
  headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  body?: unknown;
  /** Ends the reading of a stream as soon as the text so far is enough. */
  isEnough?: (text: string) => boolean;
  /** Stops it instead of the requester's own signal. */
  signal?: AbortSignal;
}

/** An answer, whatever its status; redirects are not followed. */
export interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
  text: string;
  /** From the request to the end of the answer, connecting included. */
  latencyMs: number;
  /** Of the server, when it was reached by HTTPS; its chain and its name were checked before. */
  certificate: PeerCertificate | null;
}

export interface PeerCertificate {
  subject: string;
  issuer: string;
  notAfter: Date;
  /** SHA-256 of its public key, base64: what a browser can be told to trust. */
  keyDigest: string;
}

/** Sends a request. Throws when nothing answered, with the reason; never for a status. */
export type Requester = (url: string, options?: RequestOptions) => Promise<Answer>;

export interface RequesterSettings {
  /** Certificates (PEM) trusted beside the default ones. */
  extraCa: string | null;
  /** `address:port` by host name, or by `name:port`. */
  connectTo: Readonly<Record<string, string>>;
  signal: AbortSignal;
}

/** HTTP and HTTPS as the checks need it: certificates always verified, time measured, each request on a connection of its own. */
export function createRequester({ extraCa, connectTo, signal }: RequesterSettings): Requester {
  const ca = extraCa === null ? undefined : [...getCACertificates("default"), extraCa];
  return async (address, options = {}) => {
    const url = new URL(address);
    const isHttps = url.protocol === "https:";
    const place = placeOf(url, connectTo);
    const body = options.body === undefined ? null : JSON.stringify(options.body);
    const stop = AbortSignal.any([options.signal ?? signal, AbortSignal.timeout(TIMEOUT_MS)]);
    const start = performance.now();
    const common: http.RequestOptions = {
      ...place,
      method: options.method ?? "GET",
      path: `${url.pathname}${url.search}`,
      headers: {
        host: url.host,
        "user-agent": "slipway-validation",
        ...(body === null
          ? {}
          : { "content-type": "application/json", "content-length": String(Buffer.byteLength(body)) }),
        ...options.headers,
      },
      agent: false,
      signal: stop,
    };
    const request = isHttps
      ? https.request({ ...common, servername: serverNameOf(url), ...(ca === undefined ? {} : { ca }) })
      : http.request(common);
    try {
      request.end(body ?? undefined);
      const [response] = (await once(request, "response")) as [http.IncomingMessage];
      const certificate = certificateOf(response.socket);
      const text = await textOf(response, options.isEnough);
      return {
        status: response.statusCode ?? 0,
        headers: response.headers,
        text,
        latencyMs: performance.now() - start,
        certificate,
      };
    } catch (thrown) {
      (options.signal ?? signal).throwIfAborted();
      if (stop.aborted)
        throw new SlipwayError(
          "validation_timeout",
          `${url.origin} did not answer within ${TIMEOUT_MS / 1000} s.`,
          {
            cause: thrown,
          },
        );
      throw thrown;
    } finally {
      request.destroy();
    }
  };
}

/** Address and port to connect to. */
export function placeOf(
  url: URL,
  connectTo: Readonly<Record<string, string>>,
): { host: string; port: number } {
  const standard = url.protocol === "https:" ? 443 : 80;
  const port = url.port === "" ? standard : Number(url.port);
  const given = connectTo[`${url.hostname}:${port}`] ?? connectTo[url.hostname];
  if (given === undefined) return { host: url.hostname.replace(/^\[|\]$/g, ""), port };
  const colon = given.lastIndexOf(":");
  return { host: given.slice(0, colon).replace(/^\[|\]$/g, ""), port: Number(given.slice(colon + 1)) };
}

/** TLS knows names only; for an address the certificate's addresses are compared. */
function serverNameOf(url: URL): string {
  return /^[\d.]+$|^\[/.test(url.hostname) ? "" : url.hostname;
}

async function textOf(response: http.IncomingMessage, isEnough?: (text: string) => boolean): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    parts.push(part);
    bytes += part.length;
    if (bytes > BODY_LIMIT_BYTES) break;
    if (isEnough?.(Buffer.concat(parts).toString("utf8")) === true) break;
  }
  return Buffer.concat(parts).toString("utf8");
}

function certificateOf(socket: unknown): PeerCertificate | null {
  if (!(socket instanceof TLSSocket)) return null;
  const raw = socket.getPeerCertificate().raw;
  const certificate = new X509Certificate(raw);
  const key = certificate.publicKey.export({ type: "spki", format: "der" });
  return {
    subject: certificate.subject.replaceAll("\n", ", "),
    issuer: certificate.issuer.replaceAll("\n", ", "),
    notAfter: new Date(certificate.validTo),
    keyDigest: createHash("sha256").update(key).digest("base64"),
  };
}
