// npm start. Plain JavaScript for any Node >= 20: brings the dependencies, Node 24 among them, and hands over to it.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { tryLock } from "./automation/src/start/lock.mjs";

const OLDEST_NODE = 20;
const RUNTIME_MAJOR = 24;
const LOCK_POLL_MS = 200;
const REMIND_MS = 10_000;

const root = import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname);
const modules = path.join(root, "node_modules");
const stampFile = path.join(modules, ".slipway-install");

let child;
let asked = false;
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(name, () => {
    asked = true;
    child?.kill(name);
  });
}
await main();

async function main() {
  const major = Number(process.versions.node.split(".")[0]);
  if (major < OLDEST_NODE) {
    fail(`Slipway needs Node ${OLDEST_NODE} or newer to start; this is ${process.versions.node}.`);
  }
  const installed = await install();
  if (asked) process.exit(130);
  if (installed !== undefined) fail(installed);
  const node = runtime(major);
  if (node === undefined) {
    fail(
      `No Node ${RUNTIME_MAJOR} was installed for ${process.platform}-${process.arch}. Supported are Linux x64 and arm64 and macOS; elsewhere start with Node ${RUNTIME_MAJOR} itself.`,
    );
  }
  const env = { ...process.env };
  env.NODE_COMPILE_CACHE ??= path.join(modules, ".cache", "slipway-compile");
  const [code, signal] = await run(node, [path.join(root, "automation", "src", "start.ts")], {
    env,
    stdio: "inherit",
  });
  process.exit(signal === null ? (code ?? 1) : 128 + constants.signals[signal]);
}

/** Installs what package-lock.json names, once per lock. Answers undefined, or why it failed. */
async function install() {
  const wanted = wantedStamp();
  if (isInstalled(wanted)) return undefined;
  const lock = await takeLock();
  try {
    // Another first start may have done it while we waited.
    if (asked || isInstalled(wanted)) return undefined;
    const npm = process.env.npm_execpath;
    if (!npm) return "Start with `npm start`: the dependencies are not installed yet, and npm brings them.";
    const began = Date.now();
    const seconds = () => Math.round((Date.now() - began) / 1000);
    console.log("Installing the dependencies (about 800 MB on disk, usually under a minute)");
    const reminder = setInterval(
      () => console.log(`  ... still installing (${seconds()} s so far)`),
      REMIND_MS,
    );
    // --include=dev: with NODE_ENV=production npm would leave out what the console is built with.
    const argv = [
      npm,
      "ci",
      "--include=dev",
      "--ignore-scripts",
      "--no-audit",
      "--no-fund",
      "--loglevel=error",
    ];
    const [code, signal] = await run(process.execPath, argv, {
      cwd: root,
      stdio: ["ignore", "inherit", "inherit"],
    });
    clearInterval(reminder);
    if (code !== 0) {
      return `npm ci ended with ${signal ?? `code ${code}`} after ${seconds()} s; its message is above. Is a registry reachable (npm ping)? What is installed stays; start again to repeat it.`;
    }
    // After success, so that an interrupted installation is repeated.
    writeFileSync(stampFile, wanted);
    console.log(`  done    dependencies (${seconds()} s)`);
    return undefined;
  } finally {
    lock?.release();
  }
}

function wantedStamp() {
  const hash = createHash("sha256").update(readFileSync(path.join(root, "package-lock.json")));
  return `${hash.digest("hex")} ${process.platform}-${process.arch}`;
}

function isInstalled(wanted) {
  if (existsSync(stampFile) && readFileSync(stampFile, "utf8") === wanted) return true;
  if (!matchesLock()) return false;
  // Somebody ran npm ci or npm install themselves.
  writeFileSync(stampFile, wanted);
  return true;
}

/** Compares the record that npm keeps of what it installed with package-lock.json. */
function matchesLock() {
  const record = path.join(modules, ".package-lock.json");
  if (!existsSync(record)) return false;
  const installed = JSON.parse(readFileSync(record, "utf8")).packages;
  const locked = JSON.parse(readFileSync(path.join(root, "package-lock.json"), "utf8")).packages;
  return Object.entries(locked).every(([where, { version, optional, link }]) => {
    if (!where.startsWith("node_modules/") || link) return true;
    const found = installed[where];
    return found === undefined ? optional === true : found.version === version;
  });
}

async function takeLock() {
  let told = false;
  for (;;) {
    const lock = tryLock(path.join(root, ".slipway-install.lock"));
    if ("release" in lock) return lock;
    if (asked) return undefined;
    if (!told)
      console.log(`Waiting for another start (process ${lock.holder}), which is installing the dependencies`);
    told = true;
    await sleep(LOCK_POLL_MS);
  }
}

function runtime(major) {
  if (major >= RUNTIME_MAJOR) return process.execPath;
  const packaged = path.join(modules, ".bin", process.platform === "win32" ? "node.cmd" : "node");
  return existsSync(packaged) ? packaged : undefined;
}

function run(program, argv, options) {
  return new Promise((resolve) => {
    child = spawn(program, argv, options);
    child.once("error", (error) => fail(`${program} could not be started: ${error.message}`));
    child.once("exit", (code, signal) => {
      child = undefined;
      resolve([code, signal]);
    });
  });
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
