import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import tls from "node:tls";
import { cacheAddress, startCache } from "../doubles/aws/cache.ts";
import { startEdges } from "../doubles/aws/edge.ts";
import { startFront } from "../doubles/aws/front.ts";
import { startNameServer } from "../doubles/aws/name-server.ts";
import { makeCertificateFor } from "./certificate.ts";
import { startMoto } from "./moto.ts";

/** As many distributions as one file of tests makes. */
const EDGES = 12;

/** Calls that a stand-in for AWS fails, or delays, because a test wants so. */
export interface AwsFault {
  /** As policies write it, `*` allowed: `lambda:UpdateFunctionCode`, `s3:PutObject`, `cloudfront:*`. */
  action: string;
  /** What the request's address or its first 20,000 bytes must contain. */
  where?: string;
  /** Calls that pass before it begins. */
  skip?: number;
  /** Calls that it hits; all when left out. */
  times?: number;
  delayMs?: number;
  /** Left out: the call is delayed only. */
  code?: string;
  message?: string;
  /** 400 when left out; 429 and 5xx are what clients repeat. */
  status?: number;
}

/** A stand-in for AWS with functions that run, HTTP APIs that answer, and edges. */
export interface Aws {
  url: string;
  /** For AWS clients that take their settings from the environment, and so that Node trusts the edges' certificate. */
  env: Record<string, string>;
  /** `host:port` at which distributions and APIs are reached by names of their own: the name decides who answers, with the certificate that it has at AWS. */
  front: string;
  /** `host:port` of a name server that answers what Route 53 holds. */
  resolver: string;
  /** Whether caches can be reached: not where the loopback has one address alone. */
  hasCache: boolean;
  /** Base address of an API, over HTTPS as at AWS. */
  apiUrl(apiId: string): string;
  fail(fault: AwsFault): Promise<void>;
  clearFaults(): Promise<void>;
  /** Calls since the start or the last `forgetCalls`, such as `lambda:Invoke`. */
  calls(): Promise<string[]>;
  forgetCalls(): Promise<void>;
  /** Times that an invalidation is still in progress when it is read; null: it never completes. */
  invalidationReads(times: number | null): Promise<void>;
  /** Everything that AWS holds is gone; faults too. */
  reset(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts it; this process trusts the edges' certificate from then on. Root credentials are in `env`; whoever comes with others may do what its policies say.
 * Answers why it cannot be had as `missing`: a test prints that and skips, or fails with CI=true.
 */
export async function startAws(): Promise<Aws | { missing: string }> {
  const folder = await mkdtemp(path.join(tmpdir(), "slipway-aws-"));
  const cacheAt = cacheAddress();
  // A validation asks for more than 30 days.
  const certificate = await makeCertificateFor(90, ["127.0.0.1", "localhost", cacheAt]);
  const trusted = path.join(folder, "edges.pem");
  await writeFile(trusted, certificate.cert);
  const authority = path.join(folder, "authority.pem");
  await writeFile(authority, `${certificate.cert}${certificate.key}`, { mode: 0o600 });
  let url = "";
  const edges = await startEdges(EDGES, certificate);
  const front = await startFront(certificate, edges, () => url);
  const names = await startNameServer(() => url);
  const cache = await startCache(certificate, cacheAt);
  const end = async () => {
    await Promise.all([edges.stop(), front.stop(), names.stop(), cache?.stop()]);
    await rm(folder, { recursive: true, force: true });
  };
  const moto = await startMoto({
    api: edges.api,
    edges: edges.addresses,
    authority,
    trusted,
    ...(cache === undefined ? {} : { cache: cacheAt }),
  }).catch(async (thrown: unknown) => {
    await end();
    throw thrown;
  });
  if ("missing" in moto) {
    await end();
    return moto;
  }
  url = moto.url;
  edges.attach({ url });
  tls.setDefaultCACertificates([...tls.getCACertificates("default"), certificate.cert]);
  const control = async (request: object): Promise<{ calls: string[] }> => {
    const answer = await fetch(`${moto.url}/_control`, { method: "POST", body: JSON.stringify(request) });
    if (!answer.ok) throw new Error(`the stand-in for AWS answers ${String(answer.status)}`);
    return (await answer.json()) as { calls: string[] };
  };
  return {
    url: moto.url,
    env: { ...moto.env, NODE_EXTRA_CA_CERTS: trusted },
    front: front.address,
    resolver: names.address,
    hasCache: cache !== undefined,
    apiUrl: (apiId) => `${edges.api}/_execute-api/${apiId}`,
    fail: async (fault) => void (await control({ fault })),
    clearFaults: async () => void (await control({ clearFaults: true })),
    calls: async () => (await control({})).calls,
    forgetCalls: async () => void (await control({ forgetCalls: true })),
    invalidationReads: async (times) => void (await control({ invalidationReads: times })),
    reset: async () => {
      await fetch(`${moto.url}/moto-api/reset`, { method: "POST" });
      edges.clear();
    },
    stop: async () => {
      await moto.stop();
      await end();
    },
  };
}

/** A client with the rights of the account itself. */
export function rootClient<Client>(
  { url }: Pick<Aws, "url">,
  region: string,
  type: new (settings: {
    endpoint: string;
    region: string;
    forcePathStyle: boolean;
    credentials: { accessKeyId: string; secretAccessKey: string };
  }) => Client,
): Client {
  const credentials = { accessKeyId: "testing", secretAccessKey: "testing" };
  return new type({ endpoint: url, region, forcePathStyle: true, credentials });
}
