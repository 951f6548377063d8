import type { ListenConfig } from "../config.ts";

/** Where a server that listens so is reached from this machine. Without a slash at its end. */
export function urlOf({ host, port }: ListenConfig): string {
  const reachable = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  return `http://${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`;
}
