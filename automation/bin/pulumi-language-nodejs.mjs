// Pulumi's language host for Node programs, started by the CLI. Prints its port, then serves until it is interrupted.
import { fstatSync, readFileSync } from "node:fs";
import { createRequire, enableCompileCache } from "node:module";
import { join } from "node:path";

enableCompileCache(process.env.NODE_COMPILE_CACHE ?? join(import.meta.dirname, "..", "compile-cache"));

const { parseHostArguments } = await import("../src/language-host/arguments.ts");
const sdk = createRequire(import.meta.url).resolve("@pulumi/pulumi/package.json");
const sdkVersion = JSON.parse(readFileSync(sdk, "utf8")).version;
const { engineAddress, showVersion } = parseHostArguments(process.argv.slice(2));
if (showVersion) {
  console.log(sdkVersion);
  process.exit(0);
}

const { createChildren } = await import("../src/language-host/children.ts");
const { serveLanguageHost } = await import("../src/language-host/server.ts");
const children = createChildren();
const running = await serveLanguageHost({
  engineAddress,
  nodePath: process.execPath,
  nodeVersion: process.version,
  sdkVersion,
  env: process.env,
  children,
  cancelled: new AbortController(),
});

let ending = false;
async function end(signal) {
  if (ending) return;
  ending = true;
  await running.close(signal);
  process.exit(0);
}
process.on("SIGINT", () => {
  // The engine interrupts the whole process group: the programs have had their signal, and a second one would cut short
  // what they do about it.
  children.markInterrupted();
  void end("SIGINT");
});
process.on("SIGTERM", () => void end("SIGTERM"));
process.on("SIGHUP", () => void end("SIGTERM"));

// The CLI holds the other end of stdin: its end means that the CLI is gone, however it died.
const stdin = fstatSync(0);
if (stdin.isFIFO() || stdin.isSocket()) {
  process.stdin.on("end", () => void end("SIGTERM"));
  process.stdin.on("error", () => void end("SIGTERM"));
  process.stdin.resume();
}

console.log(String(running.port));
