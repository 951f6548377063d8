import { readReport, reportFiles, unreadable } from "./report-file.ts";
import { countIn, readXml } from "./xml.ts";

/** What reports of tests say together. */
export interface TestCounts {
  tests: number;
  /** With a failure or an error. */
  failed: number;
  skipped: number;
  /** Names of the first that failed. */
  failures: string[];
}

const MAX_NAMES = 5;

/** Counts the tests in JUnit's XML. Throws `report_unreadable`. */
export async function readTests(folder: string, names: readonly string[]): Promise<TestCounts> {
  const total: TestCounts = { tests: 0, failed: 0, skipped: 0, failures: [] };
  for (const name of names) {
    for (const file of await reportFiles(folder, name)) {
      const counts = await readJunit(readReport(folder, file), file);
      total.tests += counts.tests;
      total.failed += counts.failed;
      total.skipped += counts.skipped;
      total.failures.push(...counts.failures.slice(0, MAX_NAMES - total.failures.length));
    }
  }
  return total;
}

/** Counts test cases, and believes a suite that says of itself that more failed: one that could not even be set up has no case that says so. */
async function readJunit(chunks: AsyncIterable<string>, file: string): Promise<TestCounts> {
  const counts: TestCounts = { tests: 0, failed: 0, skipped: 0, failures: [] };
  let current: { name: string; state: "passed" | "failed" | "skipped" } | undefined;
  let isReport = false;
  let saidFailed = 0;
  /** Depth of the outermost suite: what suites within it say is in what it says. */
  let outermost = 0;
  await readXml(chunks, file, {
    open(name, attributes, depth) {
      if (depth === 1) isReport = name === "testsuites" || name === "testsuite";
      if (name === "testsuite" && outermost === 0) {
        outermost = depth;
        saidFailed += (countIn(attributes, "failures") ?? 0) + (countIn(attributes, "errors") ?? 0);
      }
      if (name === "testcase") {
        const label = [attributes.classname, attributes.name].filter((one) => one !== undefined).join(" ");
        current = { name: label, state: "passed" };
      }
      if (current === undefined) return;
      if (name === "failure" || name === "error") current.state = "failed";
      if (name === "skipped" && current.state === "passed") current.state = "skipped";
    },
    close(name, depth) {
      if (name === "testsuite" && depth === outermost) outermost = 0;
      if (name !== "testcase" || current === undefined) return;
      counts.tests += 1;
      if (current.state === "skipped") counts.skipped += 1;
      if (current.state === "failed") {
        counts.failed += 1;
        if (counts.failures.length < MAX_NAMES) counts.failures.push(current.name.slice(0, 200));
      }
      current = undefined;
    },
  });
  if (!isReport)
    throw unreadable(`${file} is no report of JUnit: its root is not <testsuites> or <testsuite>`);
  return { ...counts, failed: Math.max(counts.failed, saidFailed) };
}
