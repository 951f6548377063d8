import { Client, credentials, status } from "@grpc/grpc-js";
import { AnalyzerService } from "@pulumi/pulumi/proto/analyzer_grpc_pb.js";
import { expect, test } from "vitest";
import { startPolicyProxy } from "./policy-proxy.ts";

const identity = (bytes: Buffer): Buffer => bytes;

/** Asks the proxy about a resource, as the engine does, and answers the code that it fails with. */
function codeOf(port: number): Promise<number | undefined> {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  return new Promise((resolve) => {
    client.makeUnaryRequest(AnalyzerService.analyze.path, identity, identity, Buffer.alloc(0), (error) => {
      client.close();
      resolve(error?.code);
    });
  });
}

test("a pack that never answers fails the call: the engine would wait for ever", async () => {
  const proxy = await startPolicyProxy(100);
  try {
    expect(await codeOf(proxy.port)).toBe(status.DEADLINE_EXCEEDED);
  } finally {
    proxy.close();
  }
});

test("a pack that ended fails the calls that wait for it", async () => {
  const proxy = await startPolicyProxy();
  const waiting = codeOf(proxy.port);
  // A line that is no port is what a pack prints that did not come to listen.
  proxy.readPort(() => {})(Buffer.from("no port\n"));
  expect(await waiting).toBe(status.UNAVAILABLE);
  proxy.close();
});
