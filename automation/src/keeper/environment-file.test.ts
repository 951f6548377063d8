import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { expect, onTestFinished, test } from "vitest";
import { renderEnvironment } from "./environment-file.ts";

test("Node reads every value back as it was, with quotes, dollars, hashes, backslashes and line breaks", async () => {
  const folder = mkdtempSync(join(tmpdir(), "slipway-environment-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const environment = {
    PLAIN: "x",
    EMPTY: "",
    SPACES: "  two  ",
    HASH: "a # no comment",
    DOLLAR: "$HOME $(id)",
    BACKSLASH: "\\n \\t",
    LINES: "-----BEGIN KEY-----\nabc\n-----END KEY-----\n",
    QUOTES: `it's "quoted"`,
    JSON: '{"a":"b"}',
  };
  writeFileSync(join(folder, "file.env"), renderEnvironment(environment));
  const { stdout } = await execa(
    process.execPath,
    [`--env-file=${join(folder, "file.env")}`, "-p", "JSON.stringify(process.env)"],
    { extendEnv: false, env: { HOME: "/home" } },
  );
  expect(JSON.parse(stdout)).toMatchObject(environment);
});

test("a value that the format cannot hold is refused without being shown", () => {
  expect(() => renderEnvironment({ TOKEN: "hush'`" })).toThrow(/^The value of TOKEN cannot(?!.*hush)/);
});
