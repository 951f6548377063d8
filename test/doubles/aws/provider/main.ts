import { readFileSync } from "node:fs";
import { grpc, services } from "../../../../infra/providers/local/grpc-modules.ts";
import type { Declarations } from "./lifecycle.ts";
import { providerService } from "./service.ts";

const PARENT_CHECK_INTERVAL_MS = 1_000;
const MESSAGE_LIMIT_BYTES = 400 * 1024 * 1024;

/** A CLI that is killed cannot end its plugins. */
const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) process.exit(1);
}, PARENT_CHECK_INTERVAL_MS).unref();

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
