import { once } from "node:events";
import { type ConnectionOptions, connect } from "node:tls";
import type { StoreProbe } from "./function-health.ts";

const ANSWER_TIMEOUT_MS = 2_000;

/**
 * Asks a cache (RESP over TLS) whether it answers. A refusal to an unknown caller is an answer too: this version keeps nothing there and does not sign in.
 */
export function cacheProbe(endpoint: string, trust: Pick<ConnectionOptions, "ca"> = {}): StoreProbe {
  const [host = "", port = ""] = endpoint.split(":");
  return {
    name: "cache",
    used: false,
    ask: async () => {
      const socket = connect({ host, port: Number(port), ...trust });
      const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
      try {
        await once(socket, "secureConnect", { signal });
        socket.write("PING\r\n");
        const [data] = await once(socket, "data", { signal });
        const answer = String(data);
        if (answer.startsWith("+PONG")) return "answers; nothing is stored there";
        if (answer.startsWith("-NOAUTH")) return "answers, without sign-in; nothing is stored there";
        throw new Error("It does not answer as a cache does.");
      } finally {
        socket.destroy();
      }
    },
  };
}
