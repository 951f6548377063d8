import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Gate } from "../contract/gates.ts";
import type { RanProgram, Surroundings } from "./look.ts";
import { measure } from "./measure.ts";

/** What the server says to each path. */
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let server: Server;
let base: string;
beforeAll(async () => {
  server = createServer((request, response) => answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(resolve));
});

function surroundings(more: Partial<Surroundings> = {}): Surroundings {
  return {
    outputs: { url: base, name: 'a"b', empty: "", port: 80 },
    names: { organisation: "default", project: "shop", stack: "test", deployment: "d1" },
    folder: "/nowhere",
    updateEndedAtMs: null,
    nowMs: () => Date.now(),
    signal: new AbortController().signal,
    runProgram: () => Promise.reject(new Error("no program is to run")),
    validate: () => Promise.reject(new Error("nothing is to be validated")),
    ...more,
  };
}

const gate = (rest: Record<string, unknown>): Gate => Gate.parse({ name: "g", phase: "after", ...rest });
const says =
  (status: number, body: string, headers: Record<string, string> = {}) =>
  (_: IncomingMessage, response: ServerResponse): void => {
    response.writeHead(status, headers).end(body);
  };
const look = (rest: Record<string, unknown>, more?: Partial<Surroundings>) =>
  measure(gate(rest), surroundings(more));

describe("http", () => {
  test.each([
    [{}, 200, "ok", {}, "pass"],
    [{}, 503, "no", {}, "fail"],
    [{}, 301, "", { location: "/" }, "fail"],
    [{ expectStatus: 503 }, 503, "", {}, "pass"],
    [{ expectJson: { ready: true } }, 200, '{"ready":true,"more":1}', {}, "pass"],
    [{ expectJson: { ready: true } }, 200, '{"ready":false}', {}, "fail"],
    [{ expectJson: { ready: true } }, 200, '{"ready":null}', {}, "fail"],
    [
      { expectJson: { ready: true } },
      200,
      "<!doctype html><title>Sign in</title>",
      { "content-type": "text/html" },
      "fail",
    ],
    [{ expectJson: { ready: true } }, 200, "", {}, "inconclusive"],
    [{ expectHeaders: { "X-Version": "v2" } }, 200, "", { "x-version": "v2.1" }, "pass"],
    [{ expectHeaders: { "X-Version": "v2" } }, 200, "", { "x-version": "v1" }, "fail"],
    [{ expectHeaders: { "X-Version": "v2" } }, 200, "", {}, "fail"],
  ])("%j with %i %s %j is %s", async (check, status, body, headers, verdict) => {
    answer = says(status, body, headers);
    const seen = await look({ http: { output: "url", ...check } });
    expect(seen.verdict, seen.detail).toBe(verdict);
  });

  test("HTML in the place of JSON is named as what it is", async () => {
    answer = says(200, "<html></html>", { "content-type": "text/html" });
    const { detail } = await look({ http: { output: "url", path: "/h", expectJson: {} } });
    expect(detail).toBe(`GET ${base}/h answered 200, but the body is HTML, not JSON`);
  });

  test("no data is what the gate says it is", async () => {
    answer = says(200, "");
    const check = { http: { output: "url", expectJson: { a: 1 } } };
    expect((await look({ ...check, noData: "fail" })).verdict).toBe("fail");
    expect((await look({ ...check, noData: "pass" })).verdict).toBe("pass");
  });

  test("what is slow fails, by its latency or by its time limit", async () => {
    answer = (_, response) => void setTimeout(() => response.end("late"), 120);
    expect(await look({ http: { output: "url", maxLatencyMs: 50 } })).toMatchObject({ verdict: "fail" });
    const { verdict, detail } = await look({ http: { output: "url" }, timeoutSeconds: 0.05 });
    expect([verdict, detail]).toEqual(["fail", `GET ${base}/ did not answer within 0.05 s`]);
  });

  test("an answer without an end fills no memory", async () => {
    answer = (_, response) => {
      const timer = setInterval(() => response.write("x".repeat(200_000)), 1);
      response.on("close", () => clearInterval(timer));
    };
    expect((await look({ http: { output: "url", expectJson: {} } })).verdict).toBe("fail");
  });

  test("an output that is not there can never be measured, an empty one not yet", async () => {
    expect(await look({ http: { output: "other" } })).toMatchObject({ verdict: "error", cannotStart: true });
    expect(await look({ http: { output: "port" } })).toMatchObject({ verdict: "error", cannotStart: true });
    expect(await look({ http: { output: "empty" } })).toMatchObject({ verdict: "inconclusive" });
    expect(await look({ http: { output: "toString" } })).toMatchObject({ cannotStart: true });
  });

  test("templates are filled, each value as one part of the address", async () => {
    let asked = "";
    answer = (request, response) => {
      asked = request.url ?? "";
      response.end();
    };
    await look({
      http: { url: base, path: "/{{ stack }}/{{ outputs.name }}?d={{ deployment }}" },
    });
    expect(asked).toBe("/test/a%22b?d=d1");
  });
});

describe("a metric server that is none", () => {
  const metric = { metric: { output: "url", query: "up", successIf: "> 0" } };
  const vector = (value: string, at = Date.now() / 1000) =>
    JSON.stringify({
      status: "success",
      data: { resultType: "vector", result: [{ metric: {}, value: [at, value] }] },
    });

  test("down, slow, HTML, and an answer of something else are errors: they say nothing of what is watched", async () => {
    expect(await look(metric, { outputs: { url: "http://127.0.0.1:1" } })).toMatchObject({
      verdict: "error",
    });
    answer = () => {};
    expect(await look({ ...metric, timeoutSeconds: 0.05 })).toMatchObject({ verdict: "error" });
    answer = says(200, "<html>Sign in</html>", { "content-type": "text/html" });
    const html = await look(metric);
    expect(html.verdict).toBe("error");
    expect(html.detail).toContain("the body is HTML, not JSON");
    answer = says(200, '{"status":"fine"}');
    expect((await look(metric)).detail).toContain("not as a Prometheus does");
  });

  test.each([
    [-60, "60 s behind"],
    [60, "60 s ahead"],
  ])("a clock that is %i s away is an error", async (seconds, said) => {
    answer = (_, response) => void response.end(vector("1", Date.now() / 1000 + seconds));
    const seen = await look(metric);
    expect([seen.verdict, seen.detail.includes(said)], seen.detail).toEqual(["error", true]);
  });

  test("without a value the clock is that of the answer's date", async () => {
    const empty = JSON.stringify({ status: "success", data: { resultType: "vector", result: [] } });
    answer = says(200, empty, { date: new Date(Date.now() - 120_000).toUTCString() });
    expect((await look(metric)).detail).toMatch(/12[01] s behind/);
    answer = says(200, empty);
    expect(await look(metric)).toMatchObject({ verdict: "inconclusive", value: null });
  });

  test.each([
    ["NaN", {}, "inconclusive"],
    ["NaN", { noData: "pass" }, "pass"],
    ["NaN", { noData: "fail" }, "fail"],
    ["", {}, "inconclusive"],
    ["1", {}, "pass"],
    ["0", {}, "fail"],
    ["+Inf", {}, "pass"],
    ["-Inf", {}, "fail"],
  ])("the value '%s' with %j is %s", async (value, more, verdict) => {
    answer = (_, response) => void response.end(vector(value));
    expect((await look({ ...metric, ...more })).verdict).toBe(verdict);
  });

  test.each([
    ["0.01", "pass"],
    ["0.07", "inconclusive"],
    ["0.2", "fail"],
  ])("with both comparisons %s is %s", async (value, verdict) => {
    answer = (_, response) => void response.end(vector(value));
    const both = { metric: { output: "url", query: "q", successIf: "< 0.05", failIf: ">= 0.1" } };
    expect((await look(both)).verdict).toBe(verdict);
  });

  test("a query that the server cannot parse, or whose answer is a range, can never be measured", async () => {
    answer = says(400, JSON.stringify({ status: "error", errorType: "bad_data", error: "parse error" }));
    expect(await look(metric)).toMatchObject({ verdict: "error", cannotStart: true });
    answer = says(200, JSON.stringify({ status: "success", data: { resultType: "matrix", result: [] } }));
    expect(await look(metric)).toMatchObject({ verdict: "error", cannotStart: true });
    answer = says(503, JSON.stringify({ status: "error", errorType: "timeout", error: "too busy" }));
    const busy = await look(metric);
    expect([busy.verdict, busy.cannotStart]).toEqual(["error", undefined]);
  });

  test("a value in a query can end no string of it", async () => {
    let query: string | null = null;
    answer = (request, response) => {
      query = new URL(request.url ?? "", base).searchParams.get("query");
      response.end(vector("1"));
    };
    await look({
      metric: { output: "url", query: 'up{name="{{ outputs.name }}"}[{{ window }}]', failIf: "> 9" },
    });
    expect(query).toBe('up{name="a\\"b"}[15s]');
  });
});

describe("a category", () => {
  const program =
    (verdicts: Record<string, Partial<RanProgram["outcome"]>>) =>
    (argv: readonly string[]): Promise<RanProgram> => {
      const outcome = {
        status: "succeeded" as const,
        exitCode: 0,
        signal: null,
        durationMs: 1,
        errors: [],
        changes: {},
      };
      return Promise.resolve({
        outcome: { ...outcome, ...verdicts[argv[0] ?? ""] },
        failure: `'${argv[0]}' did not work`,
        output: `${argv[0]} ran\n`,
      });
    };
  const bad = { status: "failed", exitCode: 1 } as const;
  const missing = { status: "failed", exitCode: null } as const;
  const names = ["a", "b", "c", "d", "e", "f"];
  const category = (require: string) => ({
    category: { require, checks: names.map((name) => ({ name, command: [name] })) },
  });

  test.each([
    ["6/6", {}, "pass", 6],
    ["6/6", { c: bad }, "fail", 5],
    ["5/6", { c: bad }, "pass", 5],
    ["5/6", { c: bad, d: bad }, "fail", 4],
    ["6/6", { c: missing }, "error", 5],
    ["6/6", { c: missing, d: bad }, "fail", 4],
    ["5/6", { c: missing, d: bad }, "error", 4],
    ["6/6", { c: { status: "interrupted" as const } }, "inconclusive", 5],
  ])("%s with %j is %s", async (require, verdicts, verdict, value) => {
    const seen = await look(category(require), { runProgram: program(verdicts) });
    expect([seen.verdict, seen.value], seen.detail).toEqual([verdict, value]);
  });

  test("it says what did not pass and keeps what each printed", async () => {
    const seen = await look(category("6/6"), { runProgram: program({ c: bad }) });
    expect(seen.detail).toBe("5/6 passed, 6 needed; c: 'c' did not work");
    expect(seen.output).toContain("== c: fail, 'c' did not work\nc ran");
    expect(seen.output).toContain("== f: pass");
  });
});
