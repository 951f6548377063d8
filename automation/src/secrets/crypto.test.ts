import { chmod, mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { configDigest, loadSecretKey, open, openConfig, seal } from "./crypto.ts";

const PLACE = { stackId: "0198a2c4-0000-7000-8000-000000000001", key: "app:password" };
let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), "slipway-secrets-"));
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

test("the key is made once, for its owner alone, also by three processes at once", async () => {
  await Promise.all([loadSecretKey(dataDir), loadSecretKey(dataDir), loadSecretKey(dataDir)]);
  const content = await readFile(path.join(dataDir, "secret.key"), "utf8");
  expect((await stat(path.join(dataDir, "secret.key"))).mode & 0o777).toBe(0o600);
  const sealed = seal(await loadSecretKey(dataDir), PLACE, "hunter2");
  expect(open(await loadSecretKey(dataDir), PLACE, sealed)).toBe("hunter2");
  expect(await readFile(path.join(dataDir, "secret.key"), "utf8")).toBe(content);
});

test("a key file that others may read is refused with the command that mends it", async () => {
  await loadSecretKey(dataDir);
  await chmod(path.join(dataDir, "secret.key"), 0o644);
  await expect(loadSecretKey(dataDir)).rejects.toMatchObject({ code: "secret_file_exposed" });
});

test("a ciphertext opens only in its own stack and under its own key, and not when a bit is flipped", async () => {
  const key = await loadSecretKey(dataDir);
  const sealed = seal(key, PLACE, "hunter2");
  expect(() => open(key, { ...PLACE, key: "app:other" }, sealed)).toThrow("cannot be decrypted");
  expect(() => open(key, { ...PLACE, stackId: PLACE.key }, sealed)).toThrow("cannot be decrypted");
  for (const position of [0, 1, 13, sealed.length - 1]) {
    const damaged = Buffer.from(sealed);
    damaged[position] = (damaged[position] ?? 0) ^ 1;
    expect(() => open(key, PLACE, damaged)).toThrow("cannot be decrypted");
  }
});

test("equal values have different ciphertexts and equal digests", async () => {
  const key = await loadSecretKey(dataDir);
  const config = (value: string) => ({
    "app:size": { secret: false as const, value: "3" },
    [PLACE.key]: { secret: true as const, ciphertext: seal(key, PLACE, value).toString("base64") },
  });
  const [one, same, other] = [config("hunter2"), config("hunter2"), config("hunter3")];
  expect(one).not.toEqual(same);
  expect(configDigest(key, PLACE.stackId, one)).toBe(configDigest(key, PLACE.stackId, same));
  expect(configDigest(key, PLACE.stackId, one)).not.toBe(configDigest(key, PLACE.stackId, other));
  expect(openConfig(key, PLACE.stackId, one)).toEqual({
    "app:size": { secret: false, value: "3" },
    "app:password": { secret: true, value: "hunter2" },
  });
});

test("a value that becomes secret changes the digest", async () => {
  const key = await loadSecretKey(dataDir);
  const clear = { [PLACE.key]: { secret: false as const, value: "x" } };
  const sealed = {
    [PLACE.key]: { secret: true as const, ciphertext: seal(key, PLACE, "x").toString("base64") },
  };
  expect(configDigest(key, PLACE.stackId, clear)).not.toBe(configDigest(key, PLACE.stackId, sealed));
});

test("a key never shows in text or JSON", async () => {
  const key = await loadSecretKey(dataDir);
  expect(`${key} ${JSON.stringify({ key })}`).toBe('[secret] {"key":"[secret]"}');
});
