// npm test: all checks of this repository in order, with minutes per part; the last line is "N passed, N failed".
// `npm test -- unit lint` runs only the parts named. With CI=true a skipped test counts as failed.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { checkBoundaries } from "./boundaries.mjs";
import { LIMIT_MINUTES, PEER_MINUTES, PEER_PARTS, timeLimit } from "./time-limit.mjs";

const root = path.resolve(import.meta.dirname, "..");
const modules = path.join(root, "node_modules");
const inCi = process.env.CI === "true" || process.env.CI === "1";
const scratch = mkdtempSync(path.join(tmpdir(), "slipway-npm-test-"));
// Under npm the packaged Node 24 is first on the PATH; started by hand this may be an older one.
const node =
  Number(process.versions.node.split(".")[0]) >= 24 ? process.execPath : path.join(modules, ".bin", "node");

const none = { passed: 0, failed: 0, skipped: [] };
const parts = {
  lock: () =>
    inCi
      ? check("npm", ["ci", "--dry-run", "--os=darwin", "--cpu=arm64", "--loglevel=error"], { quiet: true })
      : skip("npm ci for macOS", "runs with CI=true only: asks the registry"),
  engine: () => check(node, [path.join(root, "scripts", "obtain-pulumi.ts")]),
  format: () => check(node, [bin("@biomejs/biome", "bin/biome"), "check", "."]),
  lint: async () => sum(await check(node, [bin("eslint", "bin/eslint.js"), "."]), await boundaries()),
  types: async () => {
    let counts = none;
    for (const project of ["tsconfig.json", "infra", "frontend/console", "frontend/strategy-desk"]) {
      if (!existsSync(path.join(root, project))) continue;
      counts = sum(counts, await check(node, [bin("typescript", "bin/tsc"), "--noEmit", "-p", project]));
    }
    return counts;
  },
  unit: () => vitest("unit"),
  database: () => vitest("database"),
  "end-to-end": () => vitest("e2e"),
  browser: () => vitest("browser"),
  alone: () => vitest("alone"),
};

/** One after the other; those of a group side by side, since each of them keeps one core busy. */
const groups = [
  ["lock"],
  ["engine"],
  ["format", "lint", "types"],
  ...["unit", "database", "end-to-end", "browser", "alone"].map((name) => [name]),
];

process.exitCode = await main(process.argv.slice(2));

async function main(wanted) {
  const unknown = wanted.filter((name) => !(name in parts));
  if (unknown.length > 0) {
    console.error(`No such part: ${unknown.join(", ")}. There are ${Object.keys(parts).join(", ")}.`);
    return 1;
  }
  const began = performance.now();
  const table = [];
  for (const group of groups) {
    const now = group.filter((name) => wanted.length === 0 || wanted.includes(name));
    if (now.length === 0) continue;
    console.log(`\n=== ${now.join(", ")}`);
    table.push(...(await Promise.all(now.map(timed))));
  }
  rmSync(scratch, { recursive: true, force: true });
  return report(table, minutesSince(began));
}

async function timed(name) {
  const began = performance.now();
  const counts = await parts[name]();
  return { name, minutes: minutesSince(began), counts };
}

function minutesSince(began) {
  return (performance.now() - began) / 60_000;
}

function report(table, minutes) {
  const total = table.map(({ counts }) => counts).reduce(sum, none);
  console.log("\n=== result");
  for (const { name, minutes: took, counts } of table) {
    const { passed, failed, skipped } = counts;
    console.log(
      `${name.padEnd(12)} ${took.toFixed(1).padStart(5)} min  ${passed} passed, ${failed} failed, ${skipped.length} skipped`,
    );
  }
  console.log(`${"all".padEnd(12)} ${minutes.toFixed(1).padStart(5)} min`);
  for (const { name, reason } of total.skipped) console.log(`skipped: ${name} (${reason})`);
  let { failed } = total;
  if (inCi && total.skipped.length > 0) {
    console.log("With CI=true a skipped test counts as failed.");
    failed += total.skipped.length;
  }
  const { limit, peer } = timeLimit(table);
  if (table.length === Object.keys(parts).length) {
    console.log(
      `limit        ${limit.toFixed(1).padStart(5)} min  (${LIMIT_MINUTES} where ${PEER_PARTS.join(" and ")} take ${PEER_MINUTES}; here ${peer.toFixed(1)})`,
    );
  }
  if (minutes > limit) {
    console.log("All parts together took longer than the limit.");
    failed += 1;
  }
  console.log(`${total.passed} passed, ${failed} failed`);
  return failed === 0 && total.passed > 0 ? 0 : 1;
}

/** Runs one program that is one check. */
async function check(program, argv, { quiet = false } = {}) {
  const code = await run(program, argv, { stdio: ["ignore", quiet ? "ignore" : "inherit", "inherit"] });
  return code === 0 ? { ...none, passed: 1 } : { ...none, failed: 1 };
}

async function boundaries() {
  const { count, wrong } = await checkBoundaries(root);
  for (const one of wrong) console.error(`boundary: ${one}`);
  return { passed: count - wrong.length, failed: wrong.length, skipped: [] };
}

async function vitest(project) {
  const file = path.join(scratch, `${project}.json`);
  const argv = [bin("vitest", "vitest.mjs"), "run", "--project", project, "--passWithNoTests"];
  argv.push("--reporter", "default", "--reporter", path.join(root, "scripts", "count-reporter.mjs"));
  const env = { ...process.env, SLIPWAY_TEST_COUNTS: file };
  const code = await run(node, argv, { stdio: ["ignore", "inherit", "inherit"], env });
  const counts = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : none;
  // It ended badly without a failed test: it was killed, or could not even begin.
  return code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}

function skip(name, reason) {
  return Promise.resolve({ ...none, skipped: [{ name, reason }] });
}

function sum(one, other) {
  return {
    passed: one.passed + other.passed,
    failed: one.failed + other.failed,
    skipped: [...one.skipped, ...other.skipped],
  };
}

function bin(name, file) {
  return path.join(modules, name, file);
}

function run(program, argv, options) {
  return new Promise((resolve) => {
    const child = spawn(program, argv, { cwd: root, ...options });
    const forward = (signal) => child.kill(signal);
    process.on("SIGINT", forward).on("SIGTERM", forward);
    const done = (code) => {
      process.off("SIGINT", forward).off("SIGTERM", forward);
      resolve(code);
    };
    child.once("error", (error) => {
      console.error(`${program} could not be started: ${error.message}`);
      done(127);
    });
    child.once("exit", (code, signal) => done(signal === null ? code : 128));
  });
}
