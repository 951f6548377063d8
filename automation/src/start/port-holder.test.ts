import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { checkPortFree } from "./port-holder.ts";

test("a free port passes, and is free afterwards", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  await expect(checkPortFree("127.0.0.1", port)).rejects.toThrow(`by process ${process.pid}`);
  await new Promise<void>((resolve) => server.close(() => resolve()));
  await checkPortFree("127.0.0.1", port);
  await checkPortFree("127.0.0.1", port);
});

test("who holds the port is named", async () => {
  const code =
    "require('net').createServer().listen(0, '127.0.0.1', function () { console.log(this.address().port) })";
  const holder = spawn(process.execPath, ["-e", code], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => {
    holder.kill("SIGKILL");
  });
  const port = await new Promise<number>((resolve) => {
    holder.stdout.once("data", (data) => resolve(Number(data)));
  });
  await expect(checkPortFree("127.0.0.1", port)).rejects.toThrow(
    `Port ${port} on 127.0.0.1 is in use by process ${holder.pid} (${process.execPath} -e`,
  );
});

test("an address that is not this machine's is one sentence", async () => {
  await expect(checkPortFree("192.0.2.1", 7420)).rejects.toThrow(
    "Slipway cannot listen on 192.0.2.1 port 7420: EADDRNOTAVAIL.",
  );
});
