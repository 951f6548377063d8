import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Certificate, makeCertificateFor } from "../../../../test/helpers/certificate.ts";
import { ping } from "./resp-ping.ts";

let certificate: Certificate;
/** What the servers were sent, and what they answer in pieces. */
const heard: string[] = [];
let answers: readonly string[] = ["+PONG\r\n"];

function serve(socket: Socket): void {
  socket.on("error", () => socket.destroy());
  socket.on("data", (text: Buffer) => {
    heard.push(text.toString());
    for (const one of answers) socket.write(one);
    if (answers.length === 0) socket.end();
  });
}

const plain = createServer(serve);
let secure: ReturnType<typeof createTlsServer>;
beforeAll(async () => {
  certificate = await makeCertificateFor(30, ["localhost"]);
  secure = createTlsServer({ key: certificate.key, cert: certificate.cert }, serve);
  for (const server of [plain, secure]) {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  }
});
afterAll(() => {
  plain.close();
  secure.close();
});

const at = (server: { address(): unknown }, tls: boolean, extraCa: string | null = null) => ({
  host: "localhost",
  port: (server.address() as AddressInfo).port,
  tls,
  extraCa,
});
const { signal } = new AbortController();

test.each([
  [["+PONG\r\n"], "+PONG"],
  [["+PO", "NG\r", "\n"], "+PONG"],
  [["-NOAUTH Authentication required.\r\n"], "-NOAUTH Authentication required."],
])("%j is read as %s", async (pieces, line) => {
  answers = pieces;
  heard.length = 0;
  expect(await ping(at(plain, false), signal)).toBe(line);
  expect(heard).toEqual(["*1\r\n$4\r\nPING\r\n"]);
});

test("a cache behind TLS is reached when its authority is trusted, and not otherwise", async () => {
  answers = ["+PONG\r\n"];
  expect(await ping(at(secure, true, certificate.cert), signal)).toBe("+PONG");
  await expect(ping(at(secure, true), signal)).rejects.toThrow(/self-signed/);
});

test("a connection that ends without an answer is no answer", async () => {
  answers = [];
  await expect(ping(at(plain, false), signal)).rejects.toThrow("ended without an answer");
});

test("nobody there is said as it is", async () => {
  const gone = createServer().listen(0, "127.0.0.1");
  await once(gone, "listening");
  const target = at(gone, false);
  gone.close();
  await expect(ping(target, signal)).rejects.toThrow(/ECONNREFUSED/);
});

test("a ping that is stopped ends at once", async () => {
  answers = ["+PO"];
  await expect(ping(at(plain, false), AbortSignal.timeout(50))).rejects.toThrow("no answer to PING");
});
