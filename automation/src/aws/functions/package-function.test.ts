import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { unzipSync } from "fflate";
import { afterEach, beforeEach, expect, test } from "vitest";
import { packageFunction } from "./package-function.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "slipway-package-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function write(name: string, text: string): Promise<string> {
  const file = path.join(folder, name);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, text);
  return file;
}

test("the same files make the same package, whenever they were written, in any order and time zone", async () => {
  const one = await write("b/index.mjs", "export {};");
  await write("a.json", "{}");
  const before = await packageFunction("audit", folder);
  await rm(folder, { recursive: true });
  await write("a.json", "{}");
  await utimes(await write("b/index.mjs", "export {};"), 1_000_000, 1_000_000);
  const again = await packageFunction("audit", folder);
  expect(Buffer.from(again.bytes).equals(Buffer.from(before.bytes))).toBe(true);
  expect(before.key).toBe(`artifacts/audit/${before.sha256}.zip`);
  const module = path.join(import.meta.dirname, "package-function.ts");
  const script = `import { packageFunction } from ${JSON.stringify(module)};
    console.log((await packageFunction("audit", ${JSON.stringify(folder)})).sha256);`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], {
    env: { ...process.env, TZ: "Pacific/Kiritimati" },
  });
  expect(stdout.trim()).toBe(before.sha256);
  expect(path.basename(one)).toBe("index.mjs");
});

test("every file is in the package as it is, and another content is another package", async () => {
  await write("index.mjs", "export const handler = 1;");
  await write("node_modules/small/index.js", "module.exports = 1;");
  const { bytes, sha256 } = await packageFunction("audit", folder);
  const files = Object.entries(unzipSync(bytes)).map(([name, body]) => [name, Buffer.from(body).toString()]);
  expect(Object.fromEntries(files)).toEqual({
    "index.mjs": "export const handler = 1;",
    "node_modules/small/index.js": "module.exports = 1;",
  });
  await write("index.mjs", "export const handler = 2;");
  expect((await packageFunction("audit", folder)).sha256).not.toBe(sha256);
});

test.each([
  ["handler.test.ts", "a test"],
  ["lib/handler.spec.mjs", "a test"],
  ["lib/__tests__/data.json", "a test"],
  ["node_modules/.bin/tsc", "needed for development"],
])("a folder with %s is refused", async (file, why) => {
  await write("index.mjs", "");
  await write(file, "");
  await expect(packageFunction("audit", folder)).rejects.toMatchObject({
    code: "package_invalid",
    message: expect.stringMatching(new RegExp(`holds ${file.replaceAll(".", "\\.")}.*${why}`)) as string,
  });
});

test("an empty folder, a missing one and a link are refused", async () => {
  await expect(packageFunction("audit", folder)).rejects.toMatchObject({ code: "package_invalid" });
  await expect(packageFunction("audit", path.join(folder, "none"))).rejects.toMatchObject({
    code: "package_invalid",
  });
  await symlink("/etc/hostname", path.join(folder, "index.mjs"));
  await expect(packageFunction("audit", folder)).rejects.toMatchObject({
    message: expect.stringContaining("neither a file nor a folder") as string,
  });
});
