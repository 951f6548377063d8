/** Where spans go. */
export interface TracingSettings {
  /** Base URL of an OTLP receiver over HTTP, for example `http://127.0.0.1:4318`; undefined: nothing is traced. */
  endpoint: string | undefined;
  /** The same receiver over gRPC, for the engine, which speaks nothing else: `grpc://127.0.0.1:4317`. */
  engineEndpoint: string | undefined;
}

/** Something that began and ends. */
export interface Span {
  /** Of its children, as the header `traceparent` has it (W3C Trace Context); null when nothing is traced. */
  readonly traceParent: string | null;
  /** Ends it; with an error it counts as failed. Ending it again changes nothing. */
  end(error?: string): void;
}

/** What a span is told at its start. Never a secret's value. */
export interface SpanStart {
  parent: string | null;
  attributes?: Readonly<Record<string, string | number | boolean>>;
  kind?: "internal" | "server";
}

/** Makes spans, or does nothing at no cost. */
export interface Tracing {
  readonly isOn: boolean;
  /** Where the engine sends its own spans; null: nowhere. */
  readonly engineEndpoint: string | null;
  start(name: string, start: SpanStart): Span;
  /** Sends what is left. Never rejects: traces are not worth a failed stop. */
  close(): Promise<void>;
}

const NO_SPAN: Span = { traceParent: null, end: () => {} };

/** Tracing that is off. */
export const NO_TRACING: Tracing = {
  isOn: false,
  engineEndpoint: null,
  start: () => NO_SPAN,
  close: () => Promise.resolve(),
};

const TRACE_PARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;
const EXPORT_DELAY_MS = 2_000;
const EXPORT_TIMEOUT_MS = 5_000;

/**
 * Opens tracing of a process. The SDK is loaded only when there is an endpoint, so that nobody else pays for it. A receiver that is away costs spans and
 * nothing else.
 */
export async function openTracing(
  { endpoint, engineEndpoint }: TracingSettings,
  process: { service: string; version: string },
): Promise<Tracing> {
  if (endpoint === undefined) return NO_TRACING;
  const [api, sdk, { OTLPTraceExporter }, { resourceFromAttributes }] = await Promise.all([
    import("@opentelemetry/api"),
    import("@opentelemetry/sdk-trace"),
    import("@opentelemetry/exporter-trace-otlp-http"),
    import("@opentelemetry/resources"),
  ]);
  const provider = new sdk.TracerProvider({
    resource: resourceFromAttributes({ "service.name": process.service, "service.version": process.version }),
    spanProcessors: [
      new sdk.BatchSpanProcessor({
        exporter: new OTLPTraceExporter({
          url: `${endpoint.replace(/\/+$/, "")}/v1/traces`,
          timeoutMillis: EXPORT_TIMEOUT_MS,
        }),
        scheduledDelayMillis: EXPORT_DELAY_MS,
      }),
    ],
  });
  const tracer = provider.getTracer("slipway", process.version);
  return {
    isOn: true,
    engineEndpoint: engineEndpoint ?? null,
    start: (name, { parent, attributes = {}, kind = "internal" }) => {
      const from = TRACE_PARENT.exec(parent ?? "");
      const context =
        from === null
          ? api.ROOT_CONTEXT
          : api.trace.setSpanContext(api.ROOT_CONTEXT, {
              traceId: from[1] ?? "",
              spanId: from[2] ?? "",
              traceFlags: Number.parseInt(from[3] ?? "0", 16),
              isRemote: true,
            });
      const span = tracer.startSpan(
        name,
        {
          attributes: { ...attributes },
          kind: kind === "server" ? api.SpanKind.SERVER : api.SpanKind.INTERNAL,
        },
        context,
      );
      const { traceId, spanId, traceFlags } = span.spanContext();
      return {
        traceParent: `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`,
        end: (error) => {
          if (!span.isRecording()) return;
          if (error !== undefined) span.setStatus({ code: api.SpanStatusCode.ERROR, message: error });
          span.end();
        },
      };
    },
    close: () =>
      provider.shutdown().catch(() => {
        // The receiver is away: its loss, not ours.
      }),
  };
}

/** Where the engine's spans go when only the HTTP endpoint is named: the same host, at the port that OTLP over gRPC has. */
export function usualEngineEndpoint(endpoint: string): string {
  const { protocol, hostname } = new URL(endpoint);
  return `${protocol === "https:" ? "grpcs" : "grpc"}://${hostname}:4317`;
}
