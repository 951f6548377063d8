import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { temporaryFolder } from "./helpers/folders.ts";
import { eventually } from "./helpers/waiting.ts";

const REPOSITORY = path.resolve(import.meta.dirname, "..");
/** An npm that takes a while, counts its calls, and lays a runtime as the real one would. */
const NPM = `
  import { appendFileSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
  appendFileSync("npm-calls", process.argv.slice(2).join(" ") + "\\n");
  await new Promise((resolve) => setTimeout(resolve, Number(process.env.NPM_TAKES_MS ?? 0)));
  if (existsSync("npm-fails")) { console.error("registry.example does not answer"); process.exit(7); }
  mkdirSync("node_modules/.bin", { recursive: true });
  if (!existsSync("node_modules/.bin/node")) symlinkSync(process.execPath, "node_modules/.bin/node");`;

/** A clone that holds only what start.mjs needs, with a start.ts that does what its code says. */
function clone(start: string): string {
  const root = temporaryFolder("clone");
  mkdirSync(path.join(root, "automation", "src", "start"), { recursive: true });
  cpSync(path.join(REPOSITORY, "start.mjs"), path.join(root, "start.mjs"));
  const lock = path.join("automation", "src", "start", "lock.mjs");
  cpSync(path.join(REPOSITORY, lock), path.join(root, lock));
  writeFileSync(path.join(root, "package.json"), '{"type":"module"}');
  writeFileSync(
    path.join(root, "package-lock.json"),
    '{"packages":{"node_modules/zod":{"version":"4.6.7"}}}',
  );
  writeFileSync(path.join(root, "npm.mjs"), NPM);
  writeFileSync(path.join(root, "automation", "src", "start.ts"), start);
  return root;
}

interface Started {
  child: ChildProcess;
  output(): string;
  exit: Promise<number | null>;
}

function start(root: string, env: Record<string, string> = {}): Started {
  let output = "";
  const child = spawn(process.execPath, ["start.mjs"], {
    cwd: root,
    env: { ...process.env, npm_execpath: path.join(root, "npm.mjs"), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (data) => {
      output += String(data);
    });
  }
  return { child, output: () => output, exit: new Promise((resolve) => child.once("close", resolve)) };
}

const calls = (root: string) => readFileSync(path.join(root, "npm-calls"), "utf8").trim().split("\n");

test("the first start installs exactly what the lock says, the second installs nothing", async () => {
  const root = clone("console.log('up with', process.versions.node, process.env.NODE_COMPILE_CACHE);");
  const first = start(root, { NODE_ENV: "production" });
  expect(await first.exit).toBe(0);
  expect(calls(root)).toEqual(["ci --include=dev --ignore-scripts --no-audit --no-fund --loglevel=error"]);
  expect(first.output()).toContain(
    `up with ${process.versions.node} ${root}/node_modules/.cache/slipway-compile`,
  );
  expect(await start(root).exit).toBe(0);
  expect(calls(root)).toHaveLength(1);
  // Another lock, as after a pull.
  writeFileSync(
    path.join(root, "package-lock.json"),
    '{"packages":{"node_modules/zod":{"version":"4.7.0"}}}',
  );
  expect(await start(root).exit).toBe(0);
  expect(calls(root)).toHaveLength(2);
});

test("two first starts at once install once, and both come up", async () => {
  const root = clone("console.log('up');");
  const both = [start(root, { NPM_TAKES_MS: "700" }), start(root, { NPM_TAKES_MS: "700" })];
  expect(await Promise.all(both.map((one) => one.exit))).toEqual([0, 0]);
  expect(calls(root)).toHaveLength(1);
  expect(both.map((one) => one.output()).join("")).toMatch(/Waiting for another start \(process \d+\)/);
  expect(existsSync(path.join(root, ".slipway-install.lock"))).toBe(false);
});

test("an installation that was killed is repeated by the next start", async () => {
  const root = clone("console.log('up');");
  const first = start(root, { NPM_TAKES_MS: "1500" });
  await eventually("npm runs", 5_000, () => existsSync(path.join(root, "npm-calls")));
  first.child.kill("SIGKILL");
  await first.exit;
  expect(await start(root).exit).toBe(0);
  expect(calls(root)).toHaveLength(2);
});

test("an installation that fails is told with what to do, and is tried again by the next start", async () => {
  const root = clone("console.log('up');");
  writeFileSync(path.join(root, "npm-fails"), "");
  const failed = start(root);
  expect(await failed.exit).toBe(1);
  expect(failed.output()).toContain("registry.example does not answer");
  expect(failed.output()).toContain("npm ci ended with code 7");
  expect(failed.output()).toContain("start again to repeat it");
  expect(await start(root).exit).toBe(1);
  expect(calls(root)).toHaveLength(2);
});

test("what somebody installed with npm themselves is not installed again", async () => {
  const root = clone("console.log('up');");
  mkdirSync(path.join(root, "node_modules", ".bin"), { recursive: true });
  cpSync(process.execPath, path.join(root, "node_modules", ".bin", "node"));
  chmodSync(path.join(root, "node_modules", ".bin", "node"), 0o755);
  cpSync(path.join(root, "package-lock.json"), path.join(root, "node_modules", ".package-lock.json"));
  expect(await start(root).exit).toBe(0);
  expect(existsSync(path.join(root, "npm-calls"))).toBe(false);
});

test("a signal is passed on, and the exit code comes back", async () => {
  const root = clone(
    "process.on('SIGTERM', () => process.exit(42)); console.log('up'); setInterval(() => {}, 1000);",
  );
  const running = start(root);
  await eventually("it is up", 10_000, () => running.output().includes("up"));
  running.child.kill("SIGTERM");
  expect(await running.exit).toBe(42);
  const killed = start(clone("process.kill(process.pid, 'SIGKILL');"));
  expect(await killed.exit).toBe(137);
});

test("a clone without dependencies that is started without npm says how to start it", async () => {
  const root = clone("console.log('up');");
  const wrong = start(root, { npm_execpath: "" });
  expect(await wrong.exit).toBe(1);
  expect(wrong.output()).toContain("Start with `npm start`");
});
