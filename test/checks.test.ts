import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { temporaryFolder } from "./helpers/folders.ts";

const REPOSITORY = path.resolve(import.meta.dirname, "..");

interface Counts {
  passed: number;
  failed: number;
  skipped: { name: string; reason: string }[];
}

/** Runs a fixture of test/fixtures/leaks as npm test runs its parts. */
async function run(fixture: string): Promise<{ counts: Counts; output: string; exit: number | null }> {
  const file = path.join(temporaryFolder("counts"), "counts.json");
  const argv = [path.join(REPOSITORY, "node_modules/vitest/vitest.mjs"), "run", fixture];
  argv.push(
    "--config",
    path.join(REPOSITORY, "test/fixtures/leaks/vitest.config.ts"),
    "--reporter",
    "default",
  );
  argv.push("--reporter", path.join(REPOSITORY, "scripts/count-reporter.mjs"));
  const child = spawn(process.execPath, argv, {
    cwd: REPOSITORY,
    env: { ...process.env, SLIPWAY_TEST_COUNTS: file },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (data) => {
      output += String(data);
    });
  }
  const exit = await new Promise<number | null>((resolve) => child.once("exit", resolve));
  return { counts: JSON.parse(readFileSync(file, "utf8")) as Counts, output, exit };
}

test.each([
  ["child.fixture.ts", "sleep 8"],
  ["orphan.fixture.ts", "sleep 8"],
  ["socket.fixture.ts", "1 open TCPServerWrap"],
])("a test file that leaves something behind fails: %s", async (fixture, left) => {
  const { counts, output, exit } = await run(fixture);
  expect(output).toContain("left something behind");
  expect(output).toContain(left);
  expect(counts).toMatchObject({ passed: 1, failed: 1 });
  expect(exit).toBe(1);
});

test("a tidy test file passes, and a skipped test is counted with its reason", async () => {
  const { counts, exit } = await run("tidy.fixture.ts");
  expect(counts).toEqual({
    passed: 1,
    failed: 0,
    skipped: [{ name: "tidy.fixture.ts: is skipped for a reason", reason: "needs a tidy machine" }],
  });
  expect(exit).toBe(0);
});
