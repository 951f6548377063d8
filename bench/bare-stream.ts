import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/*
 * What the streams of a server are measured against: GET keeps the answer open, POST writes its body to all of them in a loop. Prints its port.
 */
const open = new Set<ServerResponse>();
const server = createServer((request, response) => {
  if (request.method === "GET") {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(": connected\n\n");
    open.add(response);
    response.once("close", () => open.delete(response));
    return;
  }
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const bytes = Buffer.concat(chunks);
    for (const stream of open) stream.write(bytes);
    response.end();
  });
});
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
process.on("SIGTERM", () => {
  server.closeAllConnections();
  server.close();
});
