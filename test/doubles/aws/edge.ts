import type * as http from "node:http";
import vm from "node:vm";
import type { DistributionConfig, DistributionSummary } from "@aws-sdk/client-cloudfront";
import {
  CloudFrontClient,
  GetDistributionCommand,
  GetFunctionCommand,
  GetInvalidationCommand,
  GetResponseHeadersPolicyCommand,
  ListDistributionsCommand,
  ListInvalidationsCommand,
} from "@aws-sdk/client-cloudfront";
import { GetBucketPolicyCommand, GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import type { Certificate } from "../../helpers/certificate.ts";
import { type Listening, listen, plain, type Reply } from "./listen.ts";

/*
 * Edges of CloudFront: each address serves the distribution whose domain name it is, from the bucket that the distribution names, as its configuration
 * says: redirects, default object, function on viewer requests, error pages, headers. What an object's cache-control allows is kept, by path,
 * until it is old or a completed invalidation names it. One more address hands requests on to the data plane of HTTP APIs.
 */

const DEFAULT_TTL_S = 86_400;
/** How a policy names APIs that AWS gives a name: here they have another address. */
const ANY_API = /https:\/\/\*\.execute-api\.[a-z0-9-]+\.amazonaws\.com/g;

/** What an edge needs of the stand-in for AWS. */
export interface EdgeOrigin {
  url: string;
}

/** With the address of the APIs, which pages are let call. */
type SiteOrigin = EdgeOrigin & { api: string };

export interface Edges {
  /** `https://host:port` behind which the HTTP APIs are. */
  api: string;
  /** `host:port` of each edge. */
  addresses: readonly string[];
  /** What a distribution answers under a name of its own. */
  site(request: http.IncomingMessage, secure: boolean, name: string): Promise<Reply>;
  /** Where requests go on to; set when that is known. */
  attach(origin: EdgeOrigin): void;
  /** Forgets everything that is cached. */
  clear(): void;
  stop(): Promise<void>;
}

interface Kept extends Reply {
  storedAt: number;
  freshForMs: number;
}

/** What an edge remembers: replies by path, and the invalidations that it has carried out. */
interface Cache {
  kept: Map<string, Kept>;
  applied: Set<string>;
}

/** Starts `count` edges and the address of the APIs, each of which speaks HTTP and, with `certificate`, HTTPS at one port. */
export async function startEdges(count: number, certificate: Certificate): Promise<Edges> {
  const caches = new Map<string, Cache>();
  let origin: EdgeOrigin | undefined;
  const attached = () => {
    if (origin === undefined) throw new Error("the edge has no origin yet");
    return origin;
  };
  const api = await listen(certificate, (request, secure) =>
    secure ? forward(request, attached()) : Promise.resolve(plain(403, "the API is reached by HTTPS only")),
  );
  const site = (request: http.IncomingMessage, secure: boolean, name: string) => {
    const cache = caches.get(name) ?? { kept: new Map<string, Kept>(), applied: new Set<string>() };
    caches.set(name, cache);
    return serve(request, secure, name, { ...attached(), api: `https://${api.address}` }, cache);
  };
  const edges: Listening[] = [];
  for (let index = 0; index < count; index++) edges.push(await listen(certificate, site));
  return {
    api: `https://${api.address}`,
    addresses: edges.map(({ address }) => address),
    site,
    attach: (found) => {
      origin = found;
    },
    clear: () => {
      caches.clear();
    },
    stop: async () => {
      await Promise.all([api, ...edges].map(({ stop }) => stop()));
    },
  };
}

async function bodyOf(request: http.IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Hands a request on as it is, to `path` where another one is meant. */
export async function forward(
  request: http.IncomingMessage,
  { url }: EdgeOrigin,
  path = request.url ?? "/",
  added: Readonly<Record<string, string>> = {},
): Promise<Reply> {
  const headers = new Headers(added);
  for (const [name, value] of Object.entries(request.headers)) {
    if (value === undefined || ["host", "connection", "content-length", "transfer-encoding"].includes(name))
      continue;
    headers.set(name, Array.isArray(value) ? value.join(",") : value);
  }
  const method = request.method ?? "GET";
  const body = method === "GET" || method === "HEAD" ? undefined : await bodyOf(request);
  const answer = await fetch(`${url}${path}`, {
    method,
    headers,
    redirect: "manual",
    ...(body === undefined || body.length === 0 ? {} : { body: new Uint8Array(body) }),
  });
  const kept = Object.fromEntries(answer.headers);
  delete kept["content-length"];
  delete kept.connection;
  return { status: answer.status, headers: kept, body: Buffer.from(await answer.arrayBuffer()) };
}

function clients(url: string): { cloudFront: CloudFrontClient; s3: S3Client } {
  const settings = {
    endpoint: url,
    region: "us-east-1",
    credentials: { accessKeyId: "stand-in", secretAccessKey: "stand-in" },
  };
  return {
    cloudFront: new CloudFrontClient(settings),
    s3: new S3Client({ ...settings, forcePathStyle: true }),
  };
}

async function serve(
  request: http.IncomingMessage,
  secure: boolean,
  name: string,
  origin: SiteOrigin,
  cache: Cache,
): Promise<Reply> {
  const { cloudFront, s3 } = clients(origin.url);
  const listed = await cloudFront.send(new ListDistributionsCommand({}));
  const distribution = listed.DistributionList?.Items?.find(
    ({ DomainName, Aliases }) => DomainName === name || Aliases?.Items?.includes(name) === true,
  );
  if (distribution === undefined) return plain(404, "no distribution has this name");
  const found = await cloudFront.send(new GetDistributionCommand({ Id: distribution.Id }));
  const config = found.Distribution?.DistributionConfig;
  const behaviour = config?.DefaultCacheBehavior;
  if (config?.Enabled !== true || behaviour === undefined) return plain(403, "the distribution is disabled");
  if (!secure && behaviour.ViewerProtocolPolicy === "redirect-to-https") {
    return {
      ...plain(301, "moved"),
      headers: { server: "CloudFront", location: `https://${name}${request.url ?? "/"}` },
    };
  }
  if (!secure && behaviour.ViewerProtocolPolicy === "https-only") return plain(403, "HTTPS only");
  if (!["GET", "HEAD"].includes(request.method ?? "")) return plain(403, "this method is not allowed");
  const headers = await addedHeaders(cloudFront, behaviour.ResponseHeadersPolicyId, origin.api);
  const rewritten = await viewerRequest(cloudFront, config, request);
  if (typeof rewritten !== "string") return { ...rewritten, headers: { ...rewritten.headers, ...headers } };
  const path =
    rewritten === "/" && config.DefaultRootObject !== "" ? `/${config.DefaultRootObject ?? ""}` : rewritten;
  await dropInvalidated(cloudFront, distribution, cache);
  const known = cache.kept.get(path);
  const age = known === undefined ? 0 : Date.now() - known.storedAt;
  const hit = known !== undefined && age < known.freshForMs;
  const reply = hit ? known : await fromOrigin(s3, config, distribution, path);
  if (!hit) keep(cache, path, reply);
  const all = {
    ...reply.headers,
    ...headers,
    server: "CloudFront",
    via: "1.1 edge (CloudFront)",
    "x-cache": `${hit ? "Hit" : "Miss"} from cloudfront`,
    ...(hit ? { age: String(Math.floor(age / 1000)) } : {}),
  };
  if (
    reply.headers.etag !== undefined &&
    request.headers["if-none-match"] === reply.headers.etag &&
    reply.status === 200
  ) {
    return { status: 304, headers: all, body: Buffer.alloc(0) };
  }
  return { status: reply.status, headers: all, body: reply.body };
}

function keep({ kept }: Cache, path: string, reply: Reply): void {
  const said = reply.headers["cache-control"] ?? "";
  const seconds = /(?:s-maxage|max-age)=(\d+)/.exec(said)?.[1];
  const never = /no-cache|no-store|private/.test(said);
  const freshFor = never ? 0 : seconds === undefined ? DEFAULT_TTL_S : Number(seconds);
  if (freshFor === 0 || reply.status !== 200) kept.delete(path);
  else kept.set(path, { ...reply, storedAt: Date.now(), freshForMs: freshFor * 1000 });
}

async function dropInvalidated(
  cloudFront: CloudFrontClient,
  { Id: id }: DistributionSummary,
  cache: Cache,
): Promise<void> {
  const listed = await cloudFront.send(new ListInvalidationsCommand({ DistributionId: id }));
  for (const { Id: invalidation = "", Status: status } of listed.InvalidationList?.Items ?? []) {
    if (status !== "Completed" || cache.applied.has(invalidation)) continue;
    const read = await cloudFront.send(new GetInvalidationCommand({ DistributionId: id, Id: invalidation }));
    const patterns = read.Invalidation?.InvalidationBatch?.Paths?.Items ?? [];
    for (const path of cache.kept.keys()) {
      if (patterns.some((pattern) => isLike(pattern, path))) cache.kept.delete(path);
    }
    cache.applied.add(invalidation);
  }
}

/** As paths of invalidations are written: `*` at the end stands for the rest. */
function isLike(pattern: string, path: string): boolean {
  return pattern.endsWith("*") ? path.startsWith(pattern.slice(0, -1)) : path === pattern;
}

async function fromOrigin(
  s3: S3Client,
  config: DistributionConfig,
  distribution: DistributionSummary,
  path: string,
): Promise<Reply> {
  const bucket = config.Origins?.Items?.[0]?.DomainName?.split(".s3.")[0] ?? "";
  const reply = (await isAllowed(s3, bucket, distribution.ARN ?? ""))
    ? await objectOf(s3, bucket, path)
    : plain(403, "the bucket does not let this distribution read");
  const page = config.CustomErrorResponses?.Items?.find(({ ErrorCode }) => ErrorCode === reply.status);
  if (page?.ResponsePagePath === undefined || page.ResponsePagePath === "") return reply;
  const instead = await objectOf(s3, bucket, page.ResponsePagePath);
  return { ...instead, status: Number(page.ResponseCode ?? reply.status) };
}

/** What the bucket's policy says of this distribution, whose requests are signed by its origin access control. */
async function isAllowed(s3: S3Client, bucket: string, arn: string): Promise<boolean> {
  const read = await s3.send(new GetBucketPolicyCommand({ Bucket: bucket })).catch(() => undefined);
  const policy = JSON.parse(read?.Policy ?? "{}") as { Statement?: Statement[] };
  return (policy.Statement ?? []).some(
    ({ Effect, Principal, Action, Condition }) =>
      Effect === "Allow" &&
      typeof Principal === "object" &&
      [Principal.Service].flat().includes("cloudfront.amazonaws.com") &&
      [Action].flat().includes("s3:GetObject") &&
      JSON.stringify(Condition ?? {}).includes(arn),
  );
}

interface Statement {
  Effect?: string;
  Principal?: string | { Service?: string | string[] };
  Action?: string | string[];
  Condition?: unknown;
}

async function objectOf(s3: S3Client, bucket: string, path: string): Promise<Reply> {
  const Key = decodeURIComponent(path.slice(1));
  const found = await s3.send(new GetObjectCommand({ Bucket: bucket, Key })).catch((thrown: unknown) => {
    if (thrown instanceof Error && ["NoSuchKey", "NotFound", "MethodNotAllowed"].includes(thrown.name))
      return undefined;
    throw thrown;
  });
  // Without the right to list the bucket S3 does not tell that a key is absent.
  if (found === undefined) return plain(403, "AccessDenied");
  const headers: Record<string, string> = {};
  if (found.ContentType !== undefined) headers["content-type"] = found.ContentType;
  if (found.CacheControl !== undefined) headers["cache-control"] = found.CacheControl;
  if (found.ETag !== undefined) headers.etag = found.ETag;
  if (found.ContentEncoding !== undefined) headers["content-encoding"] = found.ContentEncoding;
  return {
    status: 200,
    headers,
    body: Buffer.from((await found.Body?.transformToByteArray()) ?? new Uint8Array()),
  };
}

/** Headers of the response headers policy, in the forms that CloudFront gives them. */
async function addedHeaders(
  cloudFront: CloudFrontClient,
  id: string | undefined,
  api: string,
): Promise<Record<string, string>> {
  if (id === undefined || id === "") return {};
  const found = await cloudFront.send(new GetResponseHeadersPolicyCommand({ Id: id }));
  const { SecurityHeadersConfig: security, CustomHeadersConfig: custom } =
    found.ResponseHeadersPolicy?.ResponseHeadersPolicyConfig ?? {};
  const headers: Record<string, string> = {};
  const sts = security?.StrictTransportSecurity;
  if (sts !== undefined) {
    headers["strict-transport-security"] =
      `max-age=${String(sts.AccessControlMaxAgeSec)}${sts.IncludeSubdomains === true ? "; includeSubDomains" : ""}${sts.Preload === true ? "; preload" : ""}`;
  }
  if (security?.ContentTypeOptions !== undefined) headers["x-content-type-options"] = "nosniff";
  if (security?.FrameOptions?.FrameOption !== undefined)
    headers["x-frame-options"] = security.FrameOptions.FrameOption;
  if (security?.ReferrerPolicy?.ReferrerPolicy !== undefined)
    headers["referrer-policy"] = security.ReferrerPolicy.ReferrerPolicy;
  if (security?.ContentSecurityPolicy?.ContentSecurityPolicy !== undefined)
    headers["content-security-policy"] = security.ContentSecurityPolicy.ContentSecurityPolicy.replace(
      ANY_API,
      api,
    );
  for (const { Header, Value } of custom?.Items ?? [])
    if (Header !== undefined) headers[Header.toLowerCase()] = Value ?? "";
  return headers;
}

/** What the function on viewer requests makes of the path; or its own answer. */
async function viewerRequest(
  cloudFront: CloudFrontClient,
  config: DistributionConfig,
  request: http.IncomingMessage,
): Promise<string | Reply> {
  const uri = (request.url ?? "/").split("?")[0] ?? "/";
  const associated = config.DefaultCacheBehavior?.FunctionAssociations?.Items?.find(
    ({ EventType }) => EventType === "viewer-request",
  );
  const name = associated?.FunctionARN?.split("/").at(-1);
  if (name === undefined) return uri;
  const found = await cloudFront.send(new GetFunctionCommand({ Name: name, Stage: "LIVE" }));
  const code = Buffer.from(found.FunctionCode ?? new Uint8Array()).toString("utf8");
  const event = {
    version: "1.0",
    context: { eventType: "viewer-request" },
    viewer: { ip: "127.0.0.1" },
    request: { method: request.method, uri, querystring: {}, headers: {}, cookies: {} },
  };
  const result = vm.runInNewContext(`${code}\nhandler(event)`, { event }, { timeout: 1000 }) as {
    uri?: string;
    statusCode?: number;
    headers?: Record<string, { value: string }>;
  };
  if (result.statusCode === undefined) return result.uri ?? uri;
  const headers = Object.entries(result.headers ?? {}).map(([header, { value }]) => [header, value]);
  return {
    status: result.statusCode,
    headers: Object.fromEntries(headers) as Record<string, string>,
    body: Buffer.alloc(0),
  };
}
