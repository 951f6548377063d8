import { join } from "node:path";
import { endWithCli } from "./end-with-cli.ts";
import { resolveKeeperSocket } from "./keeper-socket.ts";
import { serveProvider } from "./service.ts";

/** SLIPWAY_KEEPER_SOCKET, else the keeper of SLIPWAY_DATA_DIR, else of `.slipway` beside `infra/`. */
function defaultSocket(): string {
  const { SLIPWAY_KEEPER_SOCKET: socket, SLIPWAY_DATA_DIR: dataDir } = process.env;
  if (socket !== undefined && socket !== "") return socket;
  return resolveKeeperSocket(dataDir ?? join(import.meta.dirname, "..", "..", "..", ".slipway"));
}

endWithCli();

// The plugin protocol: the first line on stdout is the port, and nothing else may stand before it.
process.stdout.write(`${await serveProvider(defaultSocket)}\n`);
