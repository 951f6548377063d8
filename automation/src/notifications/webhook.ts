import { lookup as systemLookup } from "node:dns/promises";
import type { ClientRequest, IncomingMessage, RequestOptions } from "node:http";
import http from "node:http";
import https from "node:https";
import type { LookupFunction } from "node:net";
import { isIP } from "node:net";
import { systemCode } from "../errors.ts";
import type { AllowedNetworks } from "./addresses.ts";
import { isAllowedByName, mayReach } from "./addresses.ts";
import type { TryResult } from "./try-result.ts";
import { failed, refused } from "./try-result.ts";

/** From the first look-up to the answer's head. The receiver does the work later, not in this time. */
const WEBHOOK_TIMEOUT_MS = 10_000;
/** The answer's body means nothing; a receiver gets so long and so much to end it in peace. */
const BODY_TIMEOUT_MS = 1_000;
const BODY_LIMIT_BYTES = 65_536;
const HEAD_LIMIT_BYTES = 16_384;
/** The system's resolver blocks a thread that file access needs too: a name server that does not answer must not take all. */
const LOOKUPS_AT_ONCE = 2;
const GONE = 410;
const LONGEST_RETRY_AFTER_MS = 3_600_000;

/** The network as a webhook may see it. */
export interface WebhookNetwork {
  allowed: AllowedNetworks;
  /** Answers all addresses of a name. The system's, unless a test has another. */
  lookup?: (hostname: string) => Promise<readonly { address: string; family: number }[]>;
  /** Of receivers whose certificate no public authority signed; PEM. */
  ca?: string;
  timeoutMs?: number;
}

export interface WebhookRequest {
  url: string;
  headers: Readonly<Record<string, string>>;
  body: Buffer;
}

/**
 * Posts once. The name is looked up once, every address of it is checked, and the connection goes to one of exactly these: a name server that answers otherwise a moment later changes
 * nothing. Redirects are not followed. Never throws for what the receiver does; nothing of the address or the answer's body is in the result.
 */
export async function postWebhook(
  request: WebhookRequest,
  network: WebhookNetwork,
  stopping: AbortSignal,
): Promise<TryResult> {
  const signal = AbortSignal.any([AbortSignal.timeout(network.timeoutMs ?? WEBHOOK_TIMEOUT_MS), stopping]);
  try {
    const url = new URL(request.url);
    const hostname = url.hostname.replace(/^\[|\]$/g, "");
    const addresses = await resolve(hostname, network, signal);
    const verdict = checkAddresses(url, addresses, network.allowed);
    if (verdict !== undefined) return verdict;
    return await post(url, hostname, addresses, request, network, signal);
  } catch (error) {
    if (stopping.aborted) return failed("The server was stopped during this try.");
    if (signal.aborted) return failed("The receiver did not answer in time.");
    return failed(`The receiver could not be reached (${systemCode(error) ?? "no connection"}).`);
  }
}

type Address = { address: string; family: number };

let lookupsUnderWay = 0;

async function resolve(
  hostname: string,
  network: WebhookNetwork,
  signal: AbortSignal,
): Promise<readonly Address[]> {
  const family = isIP(hostname);
  if (family !== 0) return [{ address: hostname, family }];
  const lookup = network.lookup ?? ((name) => systemLookup(name, { all: true, verbatim: true }));
  if (lookupsUnderWay >= LOOKUPS_AT_ONCE) await waitForLookup(signal);
  lookupsUnderWay += 1;
  const answer = lookup(hostname).finally(() => {
    lookupsUnderWay -= 1;
  });
  return raced(answer, signal);
}

const LOOKUP_POLL_MS = 50;
async function waitForLookup(signal: AbortSignal): Promise<void> {
  while (lookupsUnderWay >= LOOKUPS_AT_ONCE) {
    await raced(new Promise((done) => setTimeout(done, LOOKUP_POLL_MS)), signal);
  }
}

/** A look-up cannot be cancelled; nobody waits for it longer than the signal says. */
function raced<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolvePromise, reject) => {
    const give = (): void => reject(new Error("aborted"));
    if (signal.aborted) give();
    signal.addEventListener("abort", give, { once: true });
    work.then(resolvePromise, reject).finally(() => signal.removeEventListener("abort", give));
  });
}

function checkAddresses(
  url: URL,
  addresses: readonly Address[],
  allowed: AllowedNetworks,
): TryResult | undefined {
  if (addresses.length === 0) return failed("The receiver's name has no address.");
  // All of them: of a name with a public and a private address, chance would decide.
  if (!addresses.every(({ address }) => mayReach(address, allowed))) {
    return refused(
      "The receiver's name leads to an address that is not public. An operator of the installation can allow its network: SLIPWAY_WEBHOOK_ALLOW.",
    );
  }
  if (url.protocol !== "https:" && !addresses.every(({ address }) => isAllowedByName(address, allowed))) {
    return refused("Without https only networks of SLIPWAY_WEBHOOK_ALLOW can be reached.");
  }
  return undefined;
}

function post(
  url: URL,
  hostname: string,
  addresses: readonly Address[],
  { headers, body }: WebhookRequest,
  network: WebhookNetwork,
  signal: AbortSignal,
): Promise<TryResult> {
  const isPlain = url.protocol === "http:";
  const options: RequestOptions & https.RequestOptions = {
    method: "POST",
    headers: { ...headers, "content-length": String(body.length) },
    // One of its own: the shared one may be told by the environment to go through a proxy, which would look the name up again.
    agent: isPlain ? new http.Agent() : new https.Agent({ maxCachedSessions: 0 }),
    lookup: pinned(addresses),
    maxHeaderSize: HEAD_LIMIT_BYTES,
    signal,
    ...(network.ca === undefined ? {} : { ca: network.ca }),
    // Empty for an address: Node would send the address as a server name, which TLS does not allow.
    ...(isIP(hostname) === 0 ? { servername: hostname } : {}),
  };
  return new Promise((done, reject) => {
    const request: ClientRequest = (isPlain ? http : https).request(url, options);
    request.on("error", reject);
    request.on("socket", (socket) => {
      socket.once("connect", () => {
        const peer = socket.remoteAddress ?? "";
        // What the pinned look-up already makes sure of; here it would cost the most.
        if (!mayReach(peer, network.allowed)) request.destroy(new Error("another address"));
      });
    });
    request.on("response", (response) => {
      void endInPeace(response).then(() => {
        done(resultOf(response));
        request.destroy();
      });
    });
    request.end(body);
  });
}

/** Gives the checked addresses, whatever the name server would say now. */
function pinned(addresses: readonly Address[]): LookupFunction {
  return (_hostname, options, callback) => {
    const fitting = addresses.filter(
      ({ family }) => options.family === undefined || options.family === 0 || options.family === family,
    );
    const [first] = fitting.length > 0 ? fitting : addresses;
    if (options.all === true) callback(null, [...addresses]);
    else callback(null, first?.address ?? "", first?.family ?? 0);
  };
}

/** Reads a little of the body, so that an ordinary receiver ends as it likes to; never rejects. */
function endInPeace(response: IncomingMessage): Promise<void> {
  return new Promise((done) => {
    let size = 0;
    const timer = setTimeout(done, BODY_TIMEOUT_MS);
    const end = (): void => {
      clearTimeout(timer);
      done();
    };
    response.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > BODY_LIMIT_BYTES) end();
    });
    // Whatever breaks now: the head with the status is here.
    response.on("end", end).on("error", end).on("close", end);
  });
}

function resultOf({ statusCode = 0, headers }: IncomingMessage): TryResult {
  if (statusCode >= 200 && statusCode < 300) return { outcome: { kind: "delivered" }, statusCode };
  if (statusCode >= 300 && statusCode < 400)
    return failed(`The receiver answered ${statusCode}; redirects are not followed.`, statusCode);
  if (statusCode === GONE)
    return refused("The receiver answered 410: it wants no more messages.", statusCode);
  const retryAfterMs = retryAfterOf(headers["retry-after"]);
  return failed(`The receiver answered ${statusCode}.`, statusCode, retryAfterMs);
}

/** Only the form in seconds: the other needs the receiver's clock to be right. */
function retryAfterOf(header: string | undefined): number | undefined {
  if (header === undefined || !/^\d{1,9}$/.test(header)) return undefined;
  return Math.min(LONGEST_RETRY_AFTER_MS, Number(header) * 1000);
}
