import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";

const SOURCE = path.resolve(import.meta.dirname, "../automation/src");
const RUN_TIMEOUT_MS = 60_000;

let api: TestApi;
let otherData: string;
beforeAll(async () => {
  api = await startTestApi();
  otherData = path.join(api.root, "other-data");
  mkdirSync(otherData);
  writeFileSync(path.join(otherData, "secret.key"), `${randomBytes(32).toString("base64")}\n`, {
    mode: 0o600,
  });
});
afterAll(() => api.close());

/** Starts an entry that is to refuse; answers its exit code and what it printed. */
function start(entry: string, env: Record<string, string>): Promise<{ code: number | null; text: string }> {
  const child = spawn(process.execPath, [path.join(SOURCE, entry)], {
    env: {
      ...process.env,
      DATABASE_URL: api.databaseUrl,
      SLIPWAY_DATA_DIR: otherData,
      SLIPWAY_PORT: "0",
      SLIPWAY_PULUMI_PATH: "/nowhere/pulumi",
      SLIPWAY_SERVER_URL: "http://127.0.0.1:1",
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: RUN_TIMEOUT_MS,
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (data: Buffer) => {
      text += data.toString();
    });
  }
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, text })));
}

test.each(["server.ts", "worker.ts"])(
  "%s with another key than the database's names both, the remedy, and ends",
  async (entry) => {
    const { code, text } = await start(entry, {});
    expect(code, text).toBe(1);
    const id = api.dependencies.keyring.wrapping.current.id;
    expect(text).toContain(`The database needs the wrapping key ${id}`);
    expect(text).toMatch(/other-data\/secret\.key holds file:[0-9a-f]{16}/);
    expect(text).toContain("Restore the key file of this installation as");
  },
);

test.each(["server.ts", "worker.ts"])(
  "%s with a SLIPWAY_KEY that names no key says what it may be",
  async (entry) => {
    const { code, text } = await start(entry, { SLIPWAY_KEY: "aws-kms:alias/mine" });
    expect(code, text).toBe(1);
    expect(text).toContain("SLIPWAY_KEY: file, file:<path>, aws-kms:<key ARN> or vault:<mount>/<key>");
    expect(text).not.toContain("alias/mine");
  },
);
