import { createCipheriv, hkdfSync, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TestApi } from "../../../test/helpers/api.ts";
import { startTestApi } from "../../../test/helpers/api.ts";
import { keyVersionOf } from "../secrets/envelope.ts";
import { engineConfig } from "./engine-config.ts";

let api: TestApi;
let stackId: string;
beforeAll(async () => {
  api = await startTestApi();
  const stack = await api.makeStack("config");
  stackId = (await api.ask("GET", stack)).body.id;
});
afterAll(() => api.close());

/** A value as it was sealed before stacks had keys of their own: format 1 under the key of the installation. */
function sealedBefore(key: string, value: string): string {
  const master = Buffer.from(readFileSync(path.join(api.dataDir, "secret.key"), "utf8").trim(), "base64");
  const sealing = Buffer.from(hkdfSync("sha256", master, Buffer.alloc(0), "slipway seal v1", 32));
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", sealing, nonce).setAAD(
    Buffer.from(JSON.stringify([stackId, key]), "utf8"),
  );
  const body = Buffer.concat([cipher.update(value, "utf8"), cipher.final()]);
  return Buffer.concat([Buffer.from([1]), nonce, cipher.getAuthTag(), body]).toString("base64");
}

test("an engine's config holds secrets as the state backend opens them, whenever they were sealed", async () => {
  const { keyring, db } = api.dependencies;
  const now = await keyring.seal(db, stackId, "config", Buffer.from("sealed now", "utf8"));
  const { config, secrets } = await engineConfig(keyring, db, stackId, {
    "p:plain": { secret: false, value: "in clear" },
    "p:now": { secret: true, ciphertext: now.toString("base64") },
    "p:before": { secret: true, ciphertext: sealedBefore("p:before", "sealed before") },
  });
  expect(secrets).toEqual(["sealed now", "sealed before"]);
  expect(config["p:plain"]).toEqual({ value: "in clear" });
  expect(config["p:now"]).toEqual({ secure: now.toString("base64") });
  const before = config["p:before"];
  if (before === undefined || !("secure" in before)) throw new Error("the secret is in clear");
  const again = Buffer.from(before.secure, "base64");
  expect(keyVersionOf(again)).toBe(1);
  expect((await keyring.open(db, stackId, "config", again)).toString("utf8")).toBe("sealed before");
});
