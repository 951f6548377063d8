import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { COVERED_TASKS } from "../../automation/src/documents/coverage-tasks.ts";
import { startMoto } from "../helpers/moto.ts";
import { missingLines, tourBlocks } from "../helpers/tour.ts";

const REPOSITORY = path.resolve(import.meta.dirname, "../..");
const ENDS_WITHIN_MS = 20 * 60_000;
const CHAPTER = "AWS";

const moto = await startMoto();
if ("missing" in moto) process.stderr.write(`Skipped: test/trials/tour-aws.test.ts: ${moto.missing}\n`);
else await moto.stop();

test("the stand-in for AWS can be had", { skip: process.env.CI !== "true" && "missing" in moto }, () => {
  expect(moto).not.toHaveProperty("missing");
});

test.skipIf("missing" in moto)(
  "the tour of the README's chapter AWS prints what it promises, is seen in the console, and reports every task of the plan",
  { timeout: ENDS_WITHIN_MS },
  async () => {
    const readme = readFileSync(path.join(REPOSITORY, "README.md"), "utf8");
    const [block, ...more] = tourBlocks(readme, "tour-of-aws").filter(({ chapter }) => chapter === CHAPTER);
    expect(more).toEqual([]);
    expect(block?.expected.length).toBeGreaterThan(5);

    const { output, code } = await run(block?.commands ?? "");
    expect(code, output).toBe(0);
    expect(missingLines(block?.expected ?? [], output), output).toEqual([]);
    const inOrder = (block?.expected ?? []).join(" … ");
    expect(missingLines([inOrder], output.replaceAll("\n", " ")), output).toEqual([]);

    const report = output.split("The tasks of the plan")[1] ?? "";
    const tasks = [...report.matchAll(/^ +(\d+(?:\.\d+)?) +[^|]+ \| (\S.*)$/gm)];
    expect(tasks.map(([, task]) => task)).toEqual(COVERED_TASKS.map(({ task }) => task));
    expect(Object.fromEntries(tasks.map(([, task = "", result]) => [task, result]))).toMatchObject({
      "1.1": expect.stringMatching(/^held by infra\//),
      "4.1": expect.stringMatching(/^(\d+) of \1 put \(test, release 3\)$/),
      "7.1": expect.stringMatching(/^dns: 7 passed, 0 failed \(production, release 1\)$/),
      "9.2": expect.stringMatching(/^frontend: 6 passed, 0 failed \(test, /),
      "12.1": expect.stringMatching(/^7 of 7 groups passed \(test, /),
      "14.1": expect.stringMatching(/^goes back to release 3 \(test, release 5\)$/),
      "18.1": "signed off by user:ann (production, release 1)",
      "18.4": expect.stringMatching(/^(\d+) of \1 put \(production, release 1\)$/),
      "18.6": expect.stringMatching(/^7 of 7 groups passed \(production, /),
      "20": expect.stringMatching(/^good; 7 of 7 groups passed /),
    });
    expect(output).toMatch(/^ +binance +read by \d+ functions?, the newest$/m);
    expect(output).toMatch(
      /^ +seen in the console: .*\/production\?tab=readiness: "production", Checklist$/m,
    );
    expect(output.match(/^ +seen in the console: http/gm)?.length).toBeGreaterThan(6);
    const home = /\(token: (\S+)\/data\/owner-token\)/.exec(output)?.[1] ?? "";
    expect(home).toContain("slipway-tour-aws-");
    expect(existsSync(home)).toBe(false);
  },
);

/** Runs commands of the README in the repository, as a shell does. */
async function run(commands: string): Promise<{ output: string; code: number | null }> {
  const shell = spawn("bash", ["-euc", commands], { cwd: REPOSITORY, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [shell.stdout, shell.stderr]) {
    stream.on("data", (data) => {
      output += String(data);
    });
  }
  const [code] = (await once(shell, "close")) as [number | null];
  return { output, code };
}
