import { randomInt } from "node:crypto";
import { once } from "node:events";
import * as tls from "node:tls";
import { systemCode } from "../../../automation/src/errors.ts";
import type { Certificate } from "../../helpers/certificate.ts";

/** The port that caches have; an address of their own keeps those of several tests apart. */
const PORT = 6379;

/** An address of the loopback that a cache can listen at. */
export function cacheAddress(): string {
  return `127.${String(randomInt(1, 255))}.${String(randomInt(1, 255))}.${String(randomInt(2, 255))}`;
}

/**
 * Where every cache of the stand-in for AWS is reached: answers as Redis with TLS and users does to who has not signed in (RESP). Undefined where the loopback has one
 * address alone, as on macOS: caches are then out of reach.
 */
export async function startCache(
  certificate: Certificate,
  address: string,
): Promise<{ stop: () => Promise<void> } | undefined> {
  const sockets = new Set<tls.TLSSocket>();
  const server = tls.createServer(certificate, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    socket.on("data", () => socket.write("-NOAUTH Authentication required.\r\n"));
  });
  // A client that does not trust the certificate hangs up.
  server.on("tlsClientError", () => undefined);
  server.listen(PORT, address);
  try {
    await once(server, "listening");
  } catch (thrown) {
    if (systemCode(thrown) === "EADDRNOTAVAIL" || systemCode(thrown) === "EADDRINUSE") return undefined;
    throw thrown;
  }
  return {
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
