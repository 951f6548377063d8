import { hkdfSync } from "node:crypto";
import { expect, test } from "vitest";
import { InstallationKey } from "./installation-key.ts";

/** What the version before data keys made from the key file of 32 bytes 07. */
const PLACE = { stackId: "0198a2c4-0000-7000-8000-000000000001", key: "app:password" };
const SEALED = Buffer.from("AXGKPxg8XB1J163pUuysxPaf/m0a7e/4E0gbuW9y2DJ5qrIH", "base64");

const derive = (purpose: string): Buffer =>
  Buffer.from(hkdfSync("sha256", Buffer.alloc(32, 7), Buffer.alloc(0), purpose, 32));
const key = InstallationKey.from(InstallationKey.bytesOf(derive));

test("a value that was sealed before there were data keys opens", () => {
  expect(key.open(PLACE, SEALED)).toBe("hunter2");
});

test("such a value opens only in its own stack and under its own key, and not when a bit is flipped", () => {
  expect(() => key.open({ ...PLACE, key: "app:other" }, SEALED)).toThrow("cannot be decrypted");
  expect(() => key.open({ ...PLACE, stackId: PLACE.key }, SEALED)).toThrow("cannot be decrypted");
  for (const position of [0, 1, 13, SEALED.length - 1]) {
    const damaged = Buffer.from(SEALED);
    damaged[position] = (damaged[position] ?? 0) ^ 1;
    expect(() => key.open(PLACE, damaged)).toThrow("cannot be decrypted");
  }
});

test("the key never shows in text or JSON", () => {
  expect(`${String(key)} ${JSON.stringify({ key })}`).toBe('[secret] {"key":"[secret]"}');
});
