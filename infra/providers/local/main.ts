import { join } from "node:path";
import { resolveKeeperSocket } from "./keeper-socket.ts";
import { serveProvider } from "./service.ts";

const PARENT_CHECK_INTERVAL_MS = 1000;

/** SLIPWAY_KEEPER_SOCKET, else the keeper of SLIPWAY_DATA_DIR, else of `.slipway` beside `infra/`. */
function defaultSocket(): string {
  const { SLIPWAY_KEEPER_SOCKET: socket, SLIPWAY_DATA_DIR: dataDir } = process.env;
  if (socket !== undefined && socket !== "") return socket;
  return resolveKeeperSocket(dataDir ?? join(import.meta.dirname, "..", "..", "..", ".slipway"));
}

/** A CLI that is killed cannot end its plugins: this one notices that its parent changed. */
const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) process.exit(1);
}, PARENT_CHECK_INTERVAL_MS).unref();

// The plugin protocol: the first line on stdout is the port, and nothing else may stand before it.
process.stdout.write(`${await serveProvider(defaultSocket)}\n`);
