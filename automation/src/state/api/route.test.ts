import { setTimeout as pause } from "node:timers/promises";
import underPressure from "@fastify/under-pressure";
import Fastify from "fastify";
import { expect, test } from "vitest";
import { apiRoute } from "./route.ts";

const SAMPLE_MS = 5;

test("under pressure the writes of an update are still taken, and everything else is told to come again", async () => {
  const app = Fastify();
  // Every process uses more than a byte.
  await app.register(underPressure, { maxHeapUsedBytes: 1, sampleInterval: SAMPLE_MS });
  for (const [path, needs] of [
    ["/write", "update-token"],
    ["/read", "access-token"],
  ] as const) {
    apiRoute(app, { method: "GET", path, needs }, () => Promise.resolve({ taken: true }));
  }
  await app.ready();
  await pause(SAMPLE_MS * 4);
  expect((await app.inject("/write")).statusCode).toBe(200);
  expect((await app.inject("/read")).statusCode).toBe(503);
  await app.close();
});
