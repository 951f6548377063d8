import { describe, expect, it } from "vitest";
import { problemOf, Tick } from "./api.ts";
import { lineChart } from "./chart.ts";
import { isEnabled, parseConfig } from "./config.ts";
import { formatReturn, formatShare } from "./format.ts";

describe("the runtime configuration", () => {
  it("is taken as a deployment writes it", () => {
    const written = {
      apiUrl: "http://127.0.0.1:9/api/",
      environment: "test",
      version: "1.1.0",
      flags: { audit: false },
    };
    const config = parseConfig(written, "0.9.0");
    expect(config.apiUrl).toBe("http://127.0.0.1:9/api");
    expect([isEnabled(config, "audit"), isEnabled(config, "marketData")]).toEqual([false, true]);
  });

  it("falls back to the version that was built", () => {
    const written = { apiUrl: "/api", environment: "test", flags: {} };
    expect(parseConfig(written, "0.9.0").version).toBe("0.9.0");
  });

  it.each([
    [{ environment: "test", version: "1", flags: {} }, "apiUrl is not a text"],
    [
      { apiUrl: "", environment: "test", version: "1", flags: { audit: "no" } },
      "flags.audit is not true or false",
    ],
    ["<!doctype html>", "the answer is not an object"],
  ])("is refused when something is wrong with it", (written, message) => {
    expect(() => parseConfig(written, "0.9.0")).toThrow(message);
  });
});

describe("answers of the API", () => {
  it("a problem keeps its code and correlation id", () => {
    const body = { code: "name_taken", title: "Taken", detail: "Try another.", correlationId: "abc" };
    expect(problemOf(409, body)).toMatchObject({
      code: "name_taken",
      message: "Taken. Try another.",
      correlationId: "abc",
    });
  });

  it("anything else that is an error says so", () => {
    expect(problemOf(502, undefined)).toMatchObject({
      code: "unexpected_answer",
      message: "The API answered 502.",
    });
  });

  it("a tick without a price is refused, naming the place", () => {
    expect(() => Tick({ at: "x", quotes: [{ symbol: "KEEL", price: null, change: 0 }] }, "")).toThrow(
      "quotes[0].price is not a number",
    );
  });
});

describe("the equity curve", () => {
  it("spans the box and keeps the starting capital inside", () => {
    const points = [110, 120, 140].map((value, day) => ({ date: `2024-01-0${day + 1}`, value }));
    expect(lineChart(points, 100, 200, 80)).toEqual({
      path: "M0 60L100 40L200 0",
      low: 100,
      high: 140,
      baseline: 80,
    });
  });

  it("is a flat line when nothing changes", () => {
    const points = [100, 100].map((value) => ({ date: "2024-01-01", value }));
    expect(lineChart(points, 100, 200, 80).path).toBe("M0 80L200 80");
  });
});

it("returns carry a sign, shares do not", () => {
  expect([formatReturn(0.054), formatReturn(-0.1), formatShare(0.12), formatShare(null)]).toEqual([
    "+5.4%",
    "-10%",
    "12%",
    "–",
  ]);
});
