import { describe, expect, it } from "vitest";
import { ConfigError, readConfig } from "./config.ts";

const GOOD = { PORT: "8080", DATABASE_URL: "postgres://desk:hush@127.0.0.1/desk" };

describe("configuration", () => {
  it("has defaults for everything but the port and the database", () => {
    expect(readConfig(GOOD)).toMatchObject({
      port: 8080,
      host: "127.0.0.1",
      environment: "local",
      executionMode: "backtest",
      versionOverride: undefined,
    });
  });

  it("names everything that is wrong at once and shows no value", () => {
    const read = () => readConfig({ DATABASE_URL: "mysql://desk:hush@x", PORT: "", EXECUTION_MODE: "yolo" });
    expect(read).toThrow(ConfigError);
    const message = messageOf(read);
    expect(message).toContain("PORT is missing; it must be a port number");
    expect(message).toContain("DATABASE_URL must be a postgres:// connection string");
    expect(message).toContain("EXECUTION_MODE must be backtest");
    expect(message).not.toMatch(/hush|yolo/);
  });
});

function messageOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return "";
}
