#!/usr/bin/env node
// Plain JavaScript for any Node >= 20: runs the CLI under the Node 24 that was installed with it.
import { spawn } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { constants } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const RUNTIME_MAJOR = 24;
// npx runs a link in node_modules/.bin; the sources are beside the real file.
const automation = path.resolve(path.dirname(realpathSync(fileURLToPath(import.meta.url))), "..");
const modules = path.resolve(automation, "../node_modules");
const packaged = path.join(modules, ".bin", "node");
const isNew = Number(process.versions.node.split(".")[0]) >= RUNTIME_MAJOR;
const node = isNew ? process.execPath : packaged;

if (!existsSync(node)) {
  console.error(`The dependencies are not installed in ${path.dirname(modules)}. Run npm start there once.`);
  process.exit(1);
}
const env = { ...process.env };
env.NODE_COMPILE_CACHE ??= path.join(modules, ".cache", "slipway-compile");
const argv = [path.join(automation, "src", "cli.ts"), ...process.argv.slice(2)];
const child = spawn(node, argv, { env, stdio: "inherit" });
// The terminal sends Ctrl-C to both; the CLI decides what it means.
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(name, () => child.kill(name));
child.once("error", (error) => {
  console.error(`${node} could not be started: ${error.message}`);
  process.exit(1);
});
child.once("exit", (code, signal) => {
  process.exit(signal === null ? (code ?? 1) : 128 + constants.signals[signal]);
});
