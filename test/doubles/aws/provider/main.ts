import { readFileSync } from "node:fs";
import { endWithCli } from "../../../../infra/providers/local/end-with-cli.ts";
import { grpc, services } from "../../../../infra/providers/local/grpc-modules.ts";
import type { Declarations } from "./lifecycle.ts";
import { providerService } from "./service.ts";

const MESSAGE_LIMIT_BYTES = 400 * 1024 * 1024;

endWithCli();

const [declared = ""] = process.argv.slice(2);
const server = new grpc.Server({
  "grpc.max_receive_message_length": MESSAGE_LIMIT_BYTES,
  "grpc.max_send_message_length": MESSAGE_LIMIT_BYTES,
});
server.addService(
  services.ResourceProviderService,
  providerService(JSON.parse(readFileSync(declared, "utf8")) as Declarations),
);
server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (failure, port) => {
  if (failure !== null) throw failure;
  // The plugin protocol: the first line on stdout is the port.
  process.stdout.write(`${String(port)}\n`);
});
