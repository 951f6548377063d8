import { createServer } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { createLogger } from "../logger.ts";
import { cacheProbe } from "./cache-probe.ts";
import { askStores, statusOf } from "./function-health.ts";

const logged: string[] = [];
const logger = createLogger("info", { write: (line) => logged.push(line) });
const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

const store = (content: object) => ({
  name: "audit",
  used: true,
  state: "reachable" as const,
  latencyMs: 1,
  detail: "",
  ...content,
});

describe("a function's health", () => {
  it.each([
    ["ok when all answer", [store({})], [], "ok"],
    ["failing when a store that it uses does not answer", [store({ state: "unreachable" })], [], "failing"],
    ["ok when one that it does not use is away", [store({ state: "unreachable", used: false })], [], "ok"],
    ["ok while a slot is empty", [], [{ slot: "okx", state: "empty", versionId: null }], "ok"],
    [
      "failing when a secret is locked",
      [],
      [{ slot: "okx", state: "unreadable", versionId: null }],
      "failing",
    ],
  ] as const)("is %s", (_, dataStores, secrets, expected) => {
    expect(statusOf({ dataStores: [...dataStores], secrets: [...secrets] })).toBe(expected);
  });

  it("tells the log why a store is away, and callers only which", async () => {
    const ask = () => Promise.reject(new Error("no route to 10.0.0.7"));
    const [asked] = await askStores([{ name: "strategies", used: true, ask }], logger);
    expect(asked).toMatchObject({ name: "strategies", state: "unreachable" });
    expect(JSON.stringify(asked)).not.toContain("10.0.0.7");
    expect(logged.at(-1)).toContain("no route to 10.0.0.7");
  });

  it("does not take whatever listens there for a cache", async () => {
    const server = createServer(
      (socket) =>
        void socket
          .on("error", () => undefined)
          .resume()
          .end("hello\r\n"),
    );
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    closers.push(() => new Promise((resolve) => void server.close(() => resolve())));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const [asked] = await askStores([cacheProbe(`127.0.0.1:${port}`)], logger);
    expect(asked).toMatchObject({ name: "cache", used: false, state: "unreachable" });
  });
});
