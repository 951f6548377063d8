import type { ServerUnaryCall, sendUnaryData } from "../../../infra/providers/local/grpc-modules.ts";
import {
  Empty,
  grpc,
  messages,
  plugin,
  Struct,
  services,
} from "../../../infra/providers/local/grpc-modules.ts";

/*
 * A provider of things that are there already: whatever id is asked for, it finds a thing with that id as its value. Written on gRPC itself, since the
 * SDK's own server cannot answer the read of an import, which comes without properties.
 */
const PARENT_CHECK_INTERVAL_MS = 1_000;

function unary<Request, Answer>(answer: (request: Request) => Answer) {
  return (call: ServerUnaryCall<Request, Answer>, reply: sendUnaryData<Answer>): void => {
    reply(null, answer(call.request));
  };
}

type Properties = InstanceType<typeof Struct>;

/** A CLI that is killed cannot end its plugins. */
const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) process.exit(1);
}, PARENT_CHECK_INTERVAL_MS).unref();

const server = new grpc.Server();
server.addService(services.ResourceProviderService, {
  handshake: unary(() => new messages.ProviderHandshakeResponse()),
  attach: unary(() => new Empty()),
  getPluginInfo: unary(() => new plugin.PluginInfo().setVersion("0.1.0")),
  getSchema: unary(() =>
    new messages.GetSchemaResponse().setSchema(JSON.stringify({ name: "found", version: "0.1.0" })),
  ),
  checkConfig: unary((request: { getNews(): Properties | undefined }) =>
    new messages.CheckResponse().setInputs(request.getNews() ?? new Struct()),
  ),
  diffConfig: unary(() => new messages.DiffResponse()),
  configure: unary(() => new messages.ConfigureResponse()),
  check: unary((request: { getNews(): Properties | undefined }) =>
    new messages.CheckResponse().setInputs(request.getNews() ?? new Struct()),
  ),
  diff: unary(() => {
    const answer = new messages.DiffResponse();
    answer.setChanges(messages.DiffResponse.DiffChanges.DIFF_NONE);
    return answer;
  }),
  read: unary((request: { getId(): string }) => {
    const found = Struct.fromJavaScript({ value: request.getId() });
    return new messages.ReadResponse().setId(request.getId()).setInputs(found).setProperties(found);
  }),
  delete: unary(() => new Empty()),
  cancel: unary(() => new Empty()),
});
server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  // The plugin protocol: the first line on stdout is the port.
  process.stdout.write(`${port}\n`);
});
