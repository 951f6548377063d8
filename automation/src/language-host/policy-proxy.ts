import {
  Client,
  credentials,
  type handleUnaryCall,
  Server,
  type ServiceDefinition,
  status,
} from "@grpc/grpc-js";
import { AnalyzerService } from "@pulumi/pulumi/proto/analyzer_grpc_pb.js";
import type { AnalyzerStackConfigureRequest } from "@pulumi/pulumi/proto/analyzer_pb.js";
import analyzerPb from "@pulumi/pulumi/proto/analyzer_pb.js";
import { listen, messageLimits } from "./listen.ts";

/** Stands between the engine and a policy pack until the pack, started with its configuration, takes over. */
export interface PolicyProxy {
  readonly port: number;
  /** Resolves with the variables that describe the stack, as soon as the engine has sent them or asks for anything else. */
  stackEnvironment(signal: AbortSignal): Promise<Record<string, string>>;
  /** Reads the pack's port from the first line that it prints and hands the rest of its output on. */
  readPort(rest: (chunk: Uint8Array) => void): (chunk: Buffer) => void;
  close(): void;
}

const MS_PER_SECOND = 1_000;

/** Calls that the proxy answers itself. All others go to the pack, as bytes. */
const ANSWERED_HERE = new Set(["handshake", "configureStack"]);

/** A pack that says nothing for so long about one resource, or about the stack as a whole, never will: nobody else would end the engine's wait. */
const PACK_ANSWERS_WITHIN_MS = 120_000;

/** Starts a policy pack's proxy on a free port of 127.0.0.1. A call that the pack does not answer in time fails, and with it what the engine does. */
export async function startPolicyProxy(
  answersWithinMs: number = PACK_ANSWERS_WITHIN_MS,
): Promise<PolicyProxy> {
  const configured = Promise.withResolvers<AnalyzerStackConfigureRequest | undefined>();
  const pack = Promise.withResolvers<Client>();
  // A pack that ends before it listens rejects this; the calls that wait for it report it.
  pack.promise.catch(() => undefined);
  const server = new Server(messageLimits);
  server.addService(
    forwardedService(),
    Object.fromEntries(
      Object.entries(AnalyzerService)
        .filter(([name]) => !ANSWERED_HERE.has(name))
        .map(([name, method]) => [name, forward(method.path)]),
    ),
  );
  function forward(path: string): handleUnaryCall<Buffer, Buffer> {
    return (call, callback) => {
      configured.resolve(undefined);
      let isAnswered = false;
      const answer: typeof callback = (...said) => {
        if (isAnswered) return;
        isAnswered = true;
        clearTimeout(late);
        callback(...said);
      };
      // Also for a pack that never comes to listen.
      const late = setTimeout(
        () =>
          answer({
            code: status.DEADLINE_EXCEEDED,
            details: `the policy pack did not answer within ${answersWithinMs / MS_PER_SECOND} s`,
          }),
        answersWithinMs,
      );
      pack.promise.then(
        (client) => {
          client.makeUnaryRequest(path, identity, identity, call.request, (error, said) =>
            answer(error, said),
          );
        },
        (error: unknown) => answer({ code: status.UNAVAILABLE, details: String(error) }),
      );
    };
  }
  server.addService(answeredService(), {
    handshake: ((_call, callback) =>
      callback(null, new analyzerPb.AnalyzerHandshakeResponse())) satisfies handleUnaryCall<unknown, unknown>,
    configureStack: ((call, callback) => {
      configured.resolve(call.request);
      callback(null, new analyzerPb.AnalyzerStackConfigureResponse());
    }) satisfies handleUnaryCall<AnalyzerStackConfigureRequest, unknown>,
  });
  const port = await listen(server);

  return {
    port,
    async stackEnvironment(signal) {
      signal.addEventListener("abort", () => configured.resolve(undefined), { once: true });
      return environmentOf(await configured.promise);
    },
    readPort(rest) {
      let text = "";
      let announced = false;
      return (chunk) => {
        if (announced) return rest(chunk);
        text += chunk.toString("utf8");
        const end = text.indexOf("\n");
        if (end < 0) return;
        announced = true;
        const packPort = Number.parseInt(text.slice(0, end), 10);
        if (Number.isNaN(packPort))
          pack.reject(new Error(`the policy pack printed no port but: ${text.trim()}`));
        else pack.resolve(new Client(`127.0.0.1:${packPort}`, credentials.createInsecure(), messageLimits));
        if (end + 1 < text.length) rest(Buffer.from(text.slice(end + 1)));
      };
    },
    close() {
      pack.reject(new Error("the policy pack has ended"));
      pack.promise.then(
        (client) => client.close(),
        () => undefined,
      );
      server.forceShutdown();
    },
  };
}

function environmentOf(request: AnalyzerStackConfigureRequest | undefined): Record<string, string> {
  if (request === undefined) return {};
  const named: [string, string][] = [
    ["PULUMI_NODEJS_ORGANIZATION", request.getOrganization()],
    ["PULUMI_NODEJS_PROJECT", request.getProject()],
    ["PULUMI_NODEJS_STACK", request.getStack()],
    ["PULUMI_NODEJS_DRY_RUN", String(request.getDryRun())],
    ["PULUMI_CONFIG", JSON.stringify(Object.fromEntries(request.getConfigMap().toArray()))],
    ["PULUMI_CONFIG_SECRET_KEYS", JSON.stringify(request.getConfigSecretKeysList())],
  ];
  return Object.fromEntries(named.filter(([, value]) => value !== ""));
}

function identity(bytes: Buffer): Buffer {
  return bytes;
}

/** The analyzer's service as bytes in, bytes out: nothing that a newer pack or engine adds to a message is lost. */
function forwardedService(): ServiceDefinition {
  return Object.fromEntries(
    Object.entries(AnalyzerService)
      .filter(([name]) => !ANSWERED_HERE.has(name))
      .map(([name, method]) => [
        name,
        {
          ...method,
          requestSerialize: identity,
          requestDeserialize: identity,
          responseSerialize: identity,
          responseDeserialize: identity,
        },
      ]),
  );
}

function answeredService(): ServiceDefinition {
  return Object.fromEntries(Object.entries(AnalyzerService).filter(([name]) => ANSWERED_HERE.has(name)));
}
