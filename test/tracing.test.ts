import { once } from "node:events";
import type { IncomingMessage, Server } from "node:http";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { openTracing } from "../automation/src/monitoring/tracing.ts";
import type { TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import { register, writeLedgerProject } from "./helpers/ledger-project.ts";
import { eventually } from "./helpers/waiting.ts";
import { startWorkerOf } from "./helpers/worker.ts";

/*
 * One trace from the request to the provider's call: our spans come over HTTP, those of the engine over gRPC, to a receiver of the test's own.
 */

// Of the SDK of Pulumi programs, which brings it.
const grpc = createRequire(createRequire(import.meta.url).resolve("@pulumi/pulumi"))("@grpc/grpc-js") as Grpc;
interface Grpc {
  Server: new () => {
    addService(service: unknown, handlers: unknown): void;
    bindAsync(address: string, credentials: unknown, done: (error: Error | null, port: number) => void): void;
    forceShutdown(): void;
  };
  ServerCredentials: { createInsecure(): unknown };
}

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const CALLER_SPAN = "b7ad6b7169203331";
const EXPORTED_WITHIN_MS = 60_000;

const Exported = z.object({
  resourceSpans: z.array(
    z.object({
      scopeSpans: z.array(
        z.object({
          spans: z.array(
            z.object({
              traceId: z.string(),
              spanId: z.string(),
              parentSpanId: z.string().optional(),
              name: z.string(),
            }),
          ),
        }),
      ),
    }),
  ),
});
type SpanSeen = z.infer<typeof Exported>["resourceSpans"][number]["scopeSpans"][number]["spans"][number];

const spans: SpanSeen[] = [];
/** Requests of the engine's exporter as they came: protobuf. */
const engine: Buffer[] = [];
let http: Server;
let engineReceiver: InstanceType<Grpc["Server"]>;
let enginePort: number;
let api: TestApi;

beforeAll(async () => {
  http = createServer((request, response) => {
    void body(request).then((bytes) => {
      const parsed = Exported.parse(JSON.parse(bytes.toString()));
      for (const { scopeSpans } of parsed.resourceSpans)
        spans.push(...scopeSpans.flatMap((scope) => scope.spans));
      response.writeHead(200, { "content-type": "application/json" }).end("{}");
    });
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  engineReceiver = new grpc.Server();
  const raw = (bytes: Buffer): Buffer => bytes;
  engineReceiver.addService(
    {
      export: {
        path: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        requestStream: false,
        responseStream: false,
        requestSerialize: raw,
        requestDeserialize: raw,
        responseSerialize: raw,
        responseDeserialize: raw,
      },
    },
    {
      export: (call: { request: Buffer }, done: (error: null, answer: Buffer) => void) => {
        engine.push(call.request);
        done(null, Buffer.alloc(0));
      },
    },
  );
  enginePort = await new Promise((resolve, reject) =>
    engineReceiver.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    ),
  );
  const tracing = await openTracing(settings(), { service: "slipway-server", version: "0.0.0-test" });
  api = await startTestApi({ tracing });
});
afterAll(async () => {
  await api.close();
  engineReceiver.forceShutdown();
  http.closeAllConnections();
  await new Promise((resolve) => http.close(resolve));
});

function settings() {
  return {
    endpoint: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    engineEndpoint: `grpc://127.0.0.1:${enginePort}`,
  };
}

async function body(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const bytes = Buffer.concat(chunks);
  return request.headers["content-encoding"] === "gzip" ? gunzipSync(bytes) : bytes;
}

const named = (name: string): SpanSeen | undefined => spans.find((span) => span.name === name);

test("one trace leads from the request over the attempt and its steps to the provider's call", async () => {
  const folder = writeLedgerProject(path.join(api.root, "traced"), "traced", {
    version: "v1",
    ledger: path.join(api.root, "ledger.txt"),
  });
  const [stack = ""] = await register(api, "traced", folder);
  const { endpoint, engineEndpoint } = settings();
  const worker = await startWorkerOf(api, {
    env: { SLIPWAY_OTLP_ENDPOINT: endpoint, SLIPWAY_OTLP_ENGINE_ENDPOINT: engineEndpoint },
  });
  try {
    const { body: asked } = await api.ask("POST", `${stack}/deployments`, {
      body: { operation: "update", options: { skipPreview: true } },
      headers: { traceparent: `00-${TRACE}-${CALLER_SPAN}-01` },
    });
    const ended = await eventually("the deployment ended", 120_000, async () => {
      const { body: now } = await api.ask("GET", `/v1/deployments/${asked.id}?wait=10`);
      return now.finishedAt === null ? undefined : now;
    });
    expect(ended, worker.output()).toMatchObject({ status: "succeeded" });
    await eventually("our spans came", EXPORTED_WITHIN_MS, () => named("deployment update") !== undefined);
  } finally {
    await worker.stop();
  }
  const request = await eventually("the request's span came", EXPORTED_WITHIN_MS, () =>
    spans.find(({ name }) => name === "POST /v1/stacks/:organisation/:project/:stack/deployments"),
  );
  const attempt = named("deployment update");
  const step = named("step update");
  expect(request).toMatchObject({ traceId: TRACE, parentSpanId: CALLER_SPAN });
  expect(attempt).toMatchObject({ traceId: TRACE, parentSpanId: request.spanId });
  expect(step).toMatchObject({ traceId: TRACE, parentSpanId: attempt?.spanId });
  expect(spans.some(({ name }) => name.includes("readyz"))).toBe(false);

  const bytes = Buffer.concat(engine);
  expect(bytes.includes(Buffer.from(TRACE, "hex")), "the engine's spans are of the same trace").toBe(true);
  expect(bytes.includes(Buffer.from(step?.spanId ?? "", "hex")), "below the step").toBe(true);
  expect(bytes.includes("pulumirpc.ResourceProvider/Create"), "down to the provider's call").toBe(true);
});

test("without an endpoint nothing of a trace is made or stored", async () => {
  const plain = await startTestApi();
  try {
    const [stack = ""] = [await plain.makeStack("plain")];
    const { body: asked } = await plain.ask("POST", `${stack}/deployments`, {
      body: { operation: "update" },
      headers: { traceparent: `00-${TRACE}-${CALLER_SPAN}-01` },
    });
    const row = await plain.db
      .selectFrom("deployments")
      .select("trace_parent")
      .where("id", "=", asked.id)
      .executeTakeFirstOrThrow();
    expect(row.trace_parent).toBeNull();
  } finally {
    await plain.close();
  }
});
