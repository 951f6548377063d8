import { Agent, createServer, request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";

/** What an update writes again and again while it runs. */
const WRITES = /\/(journalentries|events\/batch)$/;

/**
 * A server that is as fast as no server can be: what an update writes while it runs is answered at once and thrown away, the rest goes on to Slipway. What the CLI takes against it
 * is its own share of the protocol.
 */
export async function startInstantProxy(target: string): Promise<{ url: string; close(): Promise<void> }> {
  const { hostname, port, host } = new URL(target);
  const agent = new Agent({ keepAlive: true });
  const server = createServer((request, response) => {
    if (WRITES.test(request.url ?? "")) {
      request.resume();
      request.on("end", () => response.writeHead(204).end());
      return;
    }
    const onward = httpRequest(
      {
        hostname,
        port,
        agent,
        method: request.method,
        path: request.url,
        headers: { ...request.headers, host },
      },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      },
    );
    onward.on("error", () => response.destroy());
    request.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      agent.destroy();
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
