import { once } from "node:events";
import { connect as connectPlain, type Socket } from "node:net";
import { connect as connectTls, getCACertificates } from "node:tls";

const PING_TIMEOUT_MS = 3_000;
const LONGEST_LINE_BYTES = 1_024;
/** PING as an array of one bulk string: https://redis.io/docs/latest/develop/reference/protocol-spec/ */
const PING = "*1\r\n$4\r\nPING\r\n";

export interface PingTarget {
  host: string;
  port: number;
  tls: boolean;
  /** Certificates (PEM) trusted beside the default ones. */
  extraCa: string | null;
}

/** The first line that a server of the Redis protocol answers to PING. Throws when nobody answers within 3 s. */
export async function ping(target: PingTarget, signal: AbortSignal): Promise<string> {
  const stop = AbortSignal.any([signal, AbortSignal.timeout(PING_TIMEOUT_MS)]);
  stop.throwIfAborted();
  const socket = open(target);
  const onStop = () => socket.destroy(new Error("no answer to PING within 3 s"));
  stop.addEventListener("abort", onStop, { once: true });
  try {
    await once(socket, target.tls ? "secureConnect" : "connect");
    socket.write(PING);
    let line = "";
    for await (const part of socket as AsyncIterable<Buffer>) {
      line += part.toString("latin1");
      const end = line.indexOf("\r\n");
      if (end >= 0) return line.slice(0, end);
      if (line.length > LONGEST_LINE_BYTES) break;
    }
    throw new Error("the connection ended without an answer to PING");
  } finally {
    stop.removeEventListener("abort", onStop);
    socket.destroy();
  }
}

function open({ host, port, tls, extraCa }: PingTarget): Socket {
  if (!tls) return connectPlain({ host, port });
  const ca = extraCa === null ? {} : { ca: [...getCACertificates("default"), extraCa] };
  return connectTls({ host, port, servername: /^[\d.]+$/.test(host) ? "" : host, ...ca });
}
