import {
  Empty,
  grpc,
  messages,
  plugin,
  services,
  type UntypedServiceImplementation,
} from "../infra/providers/local/grpc-modules.ts";

/** A provider that listens in this process: nothing of it has to be started. */
export interface InstantProvider {
  /** By which the CLI attaches to it instead of starting a plugin. */
  env: Record<string, string>;
  stop(): void;
}

type Struct = ReturnType<InstanceType<typeof messages.CheckRequest>["getNews"]>;

/** Serves the provider `name`, which takes every input, finds nothing changed and answers at once: what a preview costs with it no provider can go below. */
export async function startInstantProvider(name: string): Promise<InstantProvider> {
  const server = new grpc.Server();
  server.addService(services.ResourceProviderService, implementation());
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (failure, bound) => {
      if (failure === null) resolve(bound);
      else reject(failure);
    });
  });
  return { env: { PULUMI_DEBUG_PROVIDERS: `${name}:${String(port)}` }, stop: () => server.forceShutdown() };
}

function implementation(): UntypedServiceImplementation {
  const empty = answering(() => new Empty());
  const checked = answering((request: { getNews(): Struct }) =>
    new messages.CheckResponse().setInputs(request.getNews()),
  );
  const same = answering(() =>
    new messages.DiffResponse().setChanges(messages.DiffResponse.DiffChanges.DIFF_NONE),
  );
  return {
    handshake: answering(() => new messages.ProviderHandshakeResponse()),
    getPluginInfo: answering(() => new plugin.PluginInfo().setVersion("1.0.0")),
    attach: empty,
    cancel: empty,
    checkConfig: checked,
    diffConfig: same,
    configure: answering(() => new messages.ConfigureResponse().setSupportspreview(true)),
    check: checked,
    diff: same,
    create: answering((request: { getProperties(): Struct }) =>
      new messages.CreateResponse().setId("made").setProperties(request.getProperties()),
    ),
    delete: empty,
  };
}

function answering<Request, Response>(handle: (request: Request) => Response) {
  return (call: { request: Request }, callback: (failure: null, response: Response) => void): void =>
    callback(null, handle(call.request));
}
