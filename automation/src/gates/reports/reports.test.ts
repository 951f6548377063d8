import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { measureCoverage, measureTests } from "../measure-reports.ts";
import { readCoverage } from "./coverage.ts";
import { readTests } from "./junit.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "slipway-reports-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function report(name: string, text: string): string {
  writeFileSync(path.join(folder, name), text);
  return name;
}

const LCOV = `TN:
SF:src/a.ts
FNF:4
FNH:3
DA:1,1
DA:2,0
LF:10
LH:8
BRF:4
BRH:1
end_of_record
SF:src/b.ts
DA:1,3
DA:2,0
end_of_record
`;
const COBERTURA = `<?xml version="1.0" ?>
<!DOCTYPE coverage SYSTEM "http://cobertura.sourceforge.net/xml/coverage-04.dtd">
<coverage lines-valid="20" lines-covered="15" line-rate="0.75" branches-valid="4" branches-covered="4">
  <packages><package name="p"><classes><class><lines><line number="1" hits="1"/></lines></class></classes></package></packages>
</coverage>`;

describe("coverage", () => {
  test("lcov: totals of a record, or its lines where it has none, are summed", async () => {
    expect(await readCoverage(folder, { file: report("lcov.info", LCOV) })).toEqual({
      lines: { covered: 9, found: 12 },
      branches: { covered: 1, found: 4 },
      functions: { covered: 3, found: 4 },
    });
  });

  test("Cobertura: the totals of the root, or the lines of its classes where it has none", async () => {
    expect((await readCoverage(folder, { file: report("c.xml", COBERTURA) })).lines).toEqual({
      covered: 15,
      found: 20,
    });
    const bare =
      '<coverage><class><methods><method><lines><line hits="1"/></lines></method></methods><lines><line hits="1"/><line hits="0"/></lines></class></coverage>';
    expect((await readCoverage(folder, { file: report("bare.xml", bare) })).lines).toEqual({
      covered: 1,
      found: 2,
    });
  });

  test.each([
    [{ file: "lcov.info", lines: 75 }, "pass", 75],
    [{ file: "lcov.info", lines: 75.1 }, "fail", 75],
    [{ file: "lcov.info", lines: 10, branches: 50, functions: 70 }, "fail", 25],
    [{ file: "c.xml", lines: 75, branches: 100 }, "pass", 75],
    [{ file: "c.xml", functions: 1 }, "inconclusive", null],
    [{ file: "not-there.info", lines: 1 }, "error", null],
  ] as const)("%j is %s", async (check, verdict, value) => {
    const look = await measureCoverage(check, folder);
    expect(look, look.detail).toMatchObject({ verdict, value });
  });

  test("what lies just below its threshold is not shown as if it had reached it", async () => {
    const file = report("almost.info", "SF:a\nLF:10000\nLH:7999\nend_of_record\n");
    const look = await measureCoverage({ file, lines: 80 }, folder);
    expect(look.verdict).toBe("fail");
    expect(look.detail).toContain("lines 79.9 % (7999 of 10000), at least 80 %");
  });

  test.each([
    ["cut.info", "SF:a\nDA:1,1\n", "ends in the middle"],
    ["odd.info", "SF:a\nLF:many\nend_of_record\n", "no count"],
    ["other.txt", "hello", "begins like no report"],
    ["cut.xml", "<coverage><packages>", "not XML that can be read"],
    ["other.xml", "<html></html>", "its root is not <coverage>"],
    [
      "lol.xml",
      '<!DOCTYPE c [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><coverage>&b;</coverage>',
      "declares entities",
    ],
    ["deep.xml", `<coverage>${"<a>".repeat(200)}`, "nested deeper"],
  ])("%s is refused: it cannot be measured, now or later", async (name, text, why) => {
    const look = await measureCoverage({ file: report(name, text), lines: 1 }, folder);
    expect(look).toMatchObject({ verdict: "error", cannotStart: true });
    expect(look.detail).toContain(why);
  });

  test("a link out of the project's folder is not followed, and a folder is no report", async () => {
    symlinkSync("/etc/passwd", path.join(folder, "link.info"));
    expect((await measureCoverage({ file: "link.info", lines: 1 }, folder)).detail).toContain(
      "a link out of",
    );
    mkdirSync(path.join(folder, "folder.info"));
    expect((await measureCoverage({ file: "folder.info", lines: 1 }, folder)).detail).toContain("is no file");
  });
});

const JUNIT = `<testsuites tests="99"><testsuite name="a" tests="4" failures="1" errors="1">
  <testcase classname="a" name="passes"/>
  <testcase classname="a" name="fails"><failure message="x">text &amp; more</failure></testcase>
  <testcase classname="a" name="breaks"><error/></testcase>
  <testcase classname="a" name="is left out"><skipped/></testcase>
</testsuite></testsuites>`;

describe("tests", () => {
  test("cases are counted, whatever the sums say", async () => {
    expect(await readTests(folder, [report("junit.xml", JUNIT)])).toEqual({
      tests: 4,
      failed: 2,
      skipped: 1,
      failures: ["a fails", "a breaks"],
    });
  });

  test("a suite that could not be set up fails without a case that says so", async () => {
    const suite = '<testsuite tests="0" errors="1"><system-err>boom</system-err></testsuite>';
    expect(await readTests(folder, [report("setup.xml", suite)])).toMatchObject({ tests: 0, failed: 1 });
  });

  test("the reports of a folder are read together", async () => {
    mkdirSync(path.join(folder, "all"));
    for (const name of ["one", "two"])
      report(`all/${name}.xml`, `<testsuite><testcase name="${name}"/></testsuite>`);
    expect(await measureTests({ files: ["all"], maxFailures: 0, minTests: 2 }, folder)).toMatchObject({
      verdict: "pass",
      detail: "2 tests, 0 failed, 0 skipped",
      value: 0,
    });
  });

  test.each([
    [
      { maxFailures: 0, minTests: 1 },
      "fail",
      "4 tests, 2 failed, 1 skipped; at most 0 may fail: a fails, a breaks",
    ],
    [{ maxFailures: 2, minTests: 1 }, "pass", "4 tests, 2 failed, 1 skipped"],
    [{ maxFailures: 2, minTests: 4 }, "fail", "4 tests, 2 failed, 1 skipped; at least 4 must run"],
  ])("%j: %s", async (limits, verdict, detail) => {
    expect(await measureTests({ files: ["junit.xml"], ...limits }, folder)).toMatchObject({
      verdict,
      detail,
    });
  });

  test("an empty report is no pass, and one that ends in the middle none either", async () => {
    const empty = report("empty.xml", "<testsuites/>");
    expect((await measureTests({ files: [empty], maxFailures: 0, minTests: 1 }, folder)).verdict).toBe(
      "fail",
    );
    const cut = report("half.xml", JUNIT.slice(0, 120));
    expect((await measureTests({ files: [cut], maxFailures: 0, minTests: 1 }, folder)).verdict).toBe("error");
    const nothing = report("nothing.xml", "");
    expect((await measureTests({ files: [nothing], maxFailures: 0, minTests: 1 }, folder)).verdict).toBe(
      "error",
    );
  });
});
