import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { digestFolder } from "./folder-digest.ts";

function folder(files: Record<string, string>): string {
  const made = mkdtempSync(join(tmpdir(), "slipway-digest-"));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(made, name, ".."), { recursive: true });
    writeFileSync(join(made, name), content);
  }
  return made;
}
const hex = (text: string) => createHash("sha256").update(text).digest("hex");

test("the digest is that of the lines of hash, size and path, ordered by the bytes of the paths", async () => {
  const made = folder({ "b/x.js": "1", "b-a.js": "22", "Z.txt": "" });
  const lines = `${hex("")} 0 Z.txt\n${hex("22")} 2 b-a.js\n${hex("1")} 1 b/x.js\n`;
  expect(await digestFolder(made)).toBe(`sha256:${hex(lines)}`);
});

test("modes, times and empty folders do not count, every byte and name does", async () => {
  const made = folder({ "a.js": "1" });
  const before = await digestFolder(made);
  chmodSync(join(made, "a.js"), 0o400);
  utimesSync(join(made, "a.js"), 1, 1);
  mkdirSync(join(made, "empty"));
  expect(await digestFolder(made)).toBe(before);
  expect(await digestFolder(folder({ "a.js": "2" }))).not.toBe(before);
  expect(await digestFolder(folder({ "b.js": "1" }))).not.toBe(before);
});

test("a symbolic link is refused", async () => {
  const made = folder({ "a.js": "1" });
  symlinkSync("a.js", join(made, "b.js"));
  await expect(digestFolder(made)).rejects.toThrow("b.js");
});
