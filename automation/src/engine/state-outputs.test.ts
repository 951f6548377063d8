import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { backendStackName, readStackState, stackParts } from "./state-outputs.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "slipway-state-"));
  mkdirSync(join(folder, ".pulumi", "stacks", "shop"), { recursive: true });
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(latest: unknown): void {
  const file = join(folder, ".pulumi", "stacks", "shop", "dev.json");
  writeFileSync(file, JSON.stringify({ version: 3, checkpoint: { stack: "organization/shop/dev", latest } }));
}

test("outputs are those of the stack resource, secrets of any depth only as markers", async () => {
  const secret = {
    "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
    ciphertext: "v1:x",
  };
  write({
    secrets_providers: { type: "passphrase", state: { salt: "v1:a:b" } },
    resources: [
      { type: "other:x:Y", outputs: { no: 1 } },
      { type: "pulumi:pulumi:Stack", outputs: { url: "u", key: secret, list: [1, { deep: secret }] } },
    ],
  });
  expect(await readStackState(`file://${folder}`, "acme/shop/dev")).toEqual({
    outputs: { url: "u", key: { secret: true }, list: [1, { deep: { secret: true } }] },
    encryptionSalt: "v1:a:b",
  });
});

test("a stack without resources has no outputs, and one that does not exist has no state", async () => {
  write({ manifest: {} });
  expect(await readStackState(`file://${folder}`, "acme/shop/dev")).toEqual({
    outputs: {},
    encryptionSalt: undefined,
  });
  expect(await readStackState(`file://${folder}`, "acme/shop/other")).toBeUndefined();
});

test.each(["", "dev", "shop/dev", "a/b/c/d", "a/../c", "a/b/.x", "a/b/-x", `a/b/${"x".repeat(102)}`])(
  "a stack is not named %o",
  (name) => {
    expect(() => stackParts(name)).toThrow(expect.objectContaining({ code: "invalid_stack_name" }));
  },
);

test("a file backend knows one organisation, another backend all of them", () => {
  expect(backendStackName("file:///x", "acme/shop/dev")).toBe("organization/shop/dev");
  expect(backendStackName("https://slipway.example", "acme/shop/dev")).toBe("acme/shop/dev");
});
