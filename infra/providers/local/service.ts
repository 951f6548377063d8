import {
  Empty,
  grpc,
  messages,
  plugin,
  Struct,
  services,
  type UntypedServiceImplementation,
} from "./grpc-modules.ts";
import { type KeeperClient, keeperClient } from "./keeper-client.ts";
import { checkInputs, diffInputs, outputsFor, readResource, unknownOutputs } from "./lifecycle.ts";
import type { ResourceKind } from "./resource-kind.ts";
import { databaseKind } from "./resources/database.ts";
import { endpointKind } from "./resources/endpoint.ts";
import { processKind } from "./resources/process.ts";
import { staticSiteKind } from "./resources/static-site.ts";
import { hasUnknown, isRecord, type Properties, plain, secretStrings } from "./values.ts";

export const PACKAGE = "slipway-local";
export const VERSION = "0.1.0";

const kinds: Readonly<Record<string, ResourceKind>> = {
  [`${PACKAGE}:index:Process`]: processKind,
  [`${PACKAGE}:index:Endpoint`]: endpointKind,
  [`${PACKAGE}:index:StaticSite`]: staticSiteKind,
  [`${PACKAGE}:index:Database`]: databaseKind,
};

/** Secrets shorter than this are not searched for in messages: they would blank out ordinary text. */
const MIN_REDACTED_LENGTH = 4;

type StructMessage = InstanceType<typeof Struct>;

/**
 * The ResourceProvider service of Pulumi's plugin protocol (pulumi/proto/pulumi/provider.proto), over a keeper.
 * `defaultSocket` is used unless the provider's config names a `keeperSocket`. Methods that are not here answer UNIMPLEMENTED,
 * which the engine takes as "this provider has none".
 */
export function providerService(defaultSocket: () => string): UntypedServiceImplementation {
  const cancelled = new AbortController();
  let keeper: KeeperClient | undefined;
  const connect = (): KeeperClient => {
    keeper ??= keeperClient(defaultSocket(), cancelled.signal);
    return keeper;
  };

  return {
    handshake: unary(() => {
      const response = new messages.ProviderHandshakeResponse();
      response.setAcceptSecrets(true);
      return response;
    }),
    getPluginInfo: unary(() => {
      const response = new plugin.PluginInfo();
      response.setVersion(VERSION);
      return response;
    }),
    attach: unary(() => new Empty()),
    getSchema: unary(() => {
      const response = new messages.GetSchemaResponse();
      response.setSchema(JSON.stringify({ name: PACKAGE, version: VERSION }));
      return response;
    }),
    checkConfig: unary((request: Checked) => {
      const response = new messages.CheckResponse();
      response.setInputs(request.getNews() ?? new Struct());
      return response;
    }),
    diffConfig: unary(() => new messages.DiffResponse()),
    configure: unary((request: { getArgs(): StructMessage | undefined }) => {
      const socket = plain(properties(request.getArgs()).keeperSocket);
      if (typeof socket === "string" && socket !== "") keeper = keeperClient(socket, cancelled.signal);
      const response = new messages.ConfigureResponse();
      response.setAcceptsecrets(true);
      response.setSupportspreview(true);
      return response;
    }),
    check: unary((request: Checked & Addressed) => {
      const { inputs, failures } = checkInputs(kindOf(request), properties(request.getNews()));
      const response = new messages.CheckResponse();
      response.setInputs(struct(inputs));
      response.setFailuresList(
        failures.map(({ property, reason }) => {
          const failure = new messages.CheckFailure();
          failure.setProperty(property);
          failure.setReason(reason);
          return failure;
        }),
      );
      return response;
    }),
    diff: unary((request: Addressed & Olds & { getNews(): StructMessage | undefined }) => {
      const state = properties(request.getOlds());
      const oldInputs = request.hasOldInputs() ? properties(request.getOldInputs()) : state;
      const { changed, replaces } = diffInputs(
        kindOf(request),
        oldInputs,
        state,
        properties(request.getNews()),
      );
      const response = new messages.DiffResponse();
      const { DIFF_SOME, DIFF_NONE } = messages.DiffResponse.DiffChanges;
      response.setChanges(changed.length > 0 ? DIFF_SOME : DIFF_NONE);
      response.setDiffsList(changed);
      response.setReplacesList(replaces);
      response.setHasdetaileddiff(true);
      for (const name of changed) {
        const detail = new messages.PropertyDiff();
        const { UPDATE, UPDATE_REPLACE } = messages.PropertyDiff.Kind;
        detail.setKind(replaces.includes(name) ? UPDATE_REPLACE : UPDATE);
        detail.setInputdiff(true);
        response.getDetaileddiffMap().set(name, detail);
      }
      return response;
    }),
    create: unary(
      async (request: Addressed & { getProperties(): StructMessage | undefined; getPreview(): boolean }) => {
        const kind = kindOf(request);
        const inputs = properties(request.getProperties());
        const response = new messages.CreateResponse();
        if (request.getPreview() || hasUnknown(inputs)) {
          response.setProperties(struct(unknownOutputs(kind, inputs)));
          return response;
        }
        const { id, computed } = await redacting(inputs, () =>
          kind.create(connect(), request.getUrn(), bare(inputs)),
        );
        response.setId(id);
        response.setProperties(struct(outputsFor(kind, inputs, computed)));
        return response;
      },
    ),
    read: unary(
      async (
        request: Addressed & {
          getId(): string;
          getInputs(): StructMessage | undefined;
          getProperties(): StructMessage | undefined;
        },
      ) => {
        const response = new messages.ReadResponse();
        const known = properties(request.getInputs());
        const found = await readResource(kindOf(request), connect(), request.getId(), known);
        // An answer without an id means that the resource is gone.
        if (found === undefined) return response;
        response.setId(request.getId());
        response.setProperties(struct(found.outputs));
        response.setInputs(struct(found.inputs));
        return response;
      },
    ),
    update: unary(
      async (
        request: Addressed &
          Olds & { getId(): string; getNews(): StructMessage | undefined; getPreview(): boolean },
      ) => {
        const kind = kindOf(request);
        const inputs = properties(request.getNews());
        const state = properties(request.getOlds());
        const response = new messages.UpdateResponse();
        const computed = request.getPreview()
          ? Object.fromEntries(kind.computed.map((name) => [name, state[name]]))
          : await redacting(inputs, () => kind.update(connect(), request.getId(), bare(inputs)));
        response.setProperties(struct(outputsFor(kind, inputs, computed)));
        return response;
      },
    ),
    delete: unary(async (request: Addressed & { getId(): string }) => {
      await kindOf(request).remove(connect(), request.getId());
      return new Empty();
    }),
    cancel: unary(() => {
      cancelled.abort();
      return new Empty();
    }),
  };
}

interface Addressed {
  getUrn(): string;
}
interface Checked {
  getNews(): StructMessage | undefined;
}
interface Olds {
  getOlds(): StructMessage | undefined;
  hasOldInputs(): boolean;
  getOldInputs(): StructMessage | undefined;
}

/** A handler that answers with what `handle` returns, or with its error's message as the gRPC status. */
function unary<Request, Response>(handle: (request: Request) => Response | Promise<Response>) {
  return (
    call: { request: Request },
    callback: (failure: { code: number; details: string } | null, response?: Response) => void,
  ): void => {
    Promise.resolve()
      .then(() => handle(call.request))
      .then(
        (response) => callback(null, response),
        (thrown: unknown) => callback({ code: grpc.status.UNKNOWN, details: messageOf(thrown) }),
      );
  };
}

function kindOf(request: Addressed): ResourceKind {
  // urn:pulumi:<stack>::<project>::<parent type>$<type>::<name>
  const type = request.getUrn().split("::")[2]?.split("$").at(-1) ?? "";
  const kind = kinds[type];
  if (kind === undefined) throw new Error(`${PACKAGE} has no resource type ${type}`);
  return kind;
}

/** A failed create shows the last lines of the process's log: secrets that the process printed are taken out here, where it is known which values are secret. */
async function redacting<T>(inputs: Properties, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (thrown) {
    let message = messageOf(thrown);
    for (const value of secretStrings(inputs)) {
      if (value.length >= MIN_REDACTED_LENGTH) message = message.replaceAll(value, "[secret]");
    }
    // The cause is left out on purpose: its message holds what was just removed.
    throw new Error(message);
  }
}

function properties(message: StructMessage | undefined): Properties {
  const value: unknown = message?.toJavaScript() ?? {};
  return isRecord(value) ? value : {};
}

function bare(inputs: Properties): Properties {
  const value = plain(inputs);
  return isRecord(value) ? value : {};
}

function struct(value: Properties): StructMessage {
  // JSON drops what is undefined, which a Struct cannot hold.
  return Struct.fromJavaScript(JSON.parse(JSON.stringify(value)));
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** Serves the provider on a free loopback port and returns it. */
export async function serveProvider(defaultSocket: () => string): Promise<number> {
  const server = new grpc.Server({
    // The engine's own limit for one message.
    "grpc.max_receive_message_length": 400 * 1024 * 1024,
    "grpc.max_send_message_length": 400 * 1024 * 1024,
  });
  server.addService(services.ResourceProviderService, providerService(defaultSocket));
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (failure, port) =>
    failure === null ? resolve(port) : reject(failure),
  );
  return await promise;
}
