import { expect, test } from "vitest";
import { createSecretsKey, exportKey, openSecretsKey, rememberKey } from "./passphrase.ts";

/** Made by Pulumi CLI 3.250.0 for the passphrase below. */
const PASSPHRASE = "secretpass";
const SALT_BY_PULUMI = "v1:ASjjwASeEbg=:v1:dZLD+434n984MgFN:vy5fLlC9lsXd2OQ3v88kHJxY1VdyDQ==";

test("a salt line that Pulumi made opens with its passphrase and with no other", async () => {
  const key = await openSecretsKey(PASSPHRASE, SALT_BY_PULUMI);
  expect(key.encryptionSalt).toBe(SALT_BY_PULUMI);
  await expect(openSecretsKey("another", SALT_BY_PULUMI)).rejects.toMatchObject({ code: "wrong_passphrase" });
  await expect(openSecretsKey(PASSPHRASE, "v2:x:y")).rejects.toMatchObject({ code: "unknown_encryption" });
});

test("what a new key encrypts, the same passphrase and salt line decrypt", async () => {
  const key = await createSecretsKey(PASSPHRASE);
  const again = await openSecretsKey(PASSPHRASE, key.encryptionSalt);
  expect(again.decrypt(key.encrypt("größer: {x}"))).toBe("größer: {x}");
  expect(key.encrypt("a")).not.toBe(key.encrypt("a"));
  expect(() => again.decrypt(key.encrypt("a").replace(/.$/u, "A"))).toThrow();
});

test("a remembered key saves the derivation, and a wrong one is found out", async () => {
  const { encryptionSalt } = await createSecretsKey("worker");
  const exported = await exportKey("worker", encryptionSalt);
  rememberKey("runner", encryptionSalt, exported);
  const from = performance.now();
  expect((await openSecretsKey("runner", encryptionSalt)).encryptionSalt).toBe(encryptionSalt);
  expect(performance.now() - from).toBeLessThan(50);
  rememberKey("runner", encryptionSalt, Buffer.alloc(32).toString("base64"));
  await expect(openSecretsKey("runner", encryptionSalt)).rejects.toMatchObject({ code: "wrong_passphrase" });
});
