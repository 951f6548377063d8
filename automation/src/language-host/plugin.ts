import { type ChildProcess, spawn } from "node:child_process";
import { statSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import type { ServerWritableStream } from "@grpc/grpc-js";
import type { ProgramInfo, RunPluginRequest, RunPluginResponse } from "@pulumi/pulumi/proto/language_pb.js";
import languagePb from "@pulumi/pulumi/proto/language_pb.js";
import type { Host } from "./host.ts";
import { locateSdkModule } from "./modules.ts";
import { type RuntimeOptions, readRuntimeOptions, typescriptEnvironment } from "./options.ts";
import { startPolicyProxy } from "./policy-proxy.ts";

/** Loaded into every plugin before its own code. */
const KEEP_COMPILED = ["--import", new URL("keep-compiled.ts", import.meta.url).href];
/** Kind of a plugin that is a policy pack. */
const ANALYZER = "analyzer";

/**
 * Runs a plugin folder (PulumiPlugin.yaml or PulumiPolicy.yaml with runtime nodejs) until it ends or the engine cancels the
 * call, which is how the engine stops a plugin. Its output goes to the engine, the exit code last.
 */
export async function runPlugin(
  host: Host,
  call: ServerWritableStream<RunPluginRequest, RunPluginResponse>,
  signal: AbortSignal,
): Promise<void> {
  const request = call.request;
  if (request.getAttachDebugger())
    throw new Error("--attach-debugger is not supported by this language host");
  const info = request.getInfo() ?? new languagePb.ProgramInfo();
  const options = readRuntimeOptions(info);
  const environment = { ...splitEnvironment(request.getEnvList()), ...typescriptEnvironment(options) };
  const stdout = (chunk: Uint8Array) => void call.write(new languagePb.RunPluginResponse().setStdout(chunk));
  const stderr = (chunk: Uint8Array) => void call.write(new languagePb.RunPluginResponse().setStderr(chunk));

  let exitCode: number;
  if (request.getKind() === ANALYZER) {
    exitCode = await runPolicyPack(host, request, info, options, environment, { stdout, stderr }, signal);
  } else {
    const child = spawn(host.nodePath, pluginArguments(info, options, request.getArgsList()), {
      cwd: request.getPwd() || info.getProgramDirectory(),
      env: environment,
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.stdout.on("data", stdout);
    child.stderr.on("data", stderr);
    exitCode = await exitCodeOf(host, child, signal);
  }
  if (!signal.aborted) call.write(new languagePb.RunPluginResponse().setExitcode(exitCode));
}

/**
 * A policy pack learns the stack and its configuration from its environment, before it starts, while the engine sends
 * them only once the pack listens. So the pack's port is announced first, by a proxy that waits for them.
 */
async function runPolicyPack(
  host: Host,
  request: RunPluginRequest,
  info: ProgramInfo,
  options: RuntimeOptions,
  environment: Record<string, string>,
  output: { stdout(chunk: Uint8Array): void; stderr(chunk: Uint8Array): void },
  signal: AbortSignal,
): Promise<number> {
  const folder = info.getProgramDirectory();
  const runner = locateSdkModule("@pulumi/pulumi/cmd/run-policy-pack", folder);
  const proxy = await startPolicyProxy();
  try {
    output.stdout(Buffer.from(`${proxy.port}\n`));
    const stackEnvironment = await proxy.stackEnvironment(signal);
    const argv = [...KEEP_COMPILED, ...options.nodeArguments, runner, ...request.getArgsList(), folder];
    const child = spawn(host.nodePath, argv, {
      cwd: folder,
      env: { ...environment, ...stackEnvironment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.stdout.on("data", proxy.readPort(output.stdout));
    child.stderr.on("data", output.stderr);
    return await exitCodeOf(host, child, signal);
  } finally {
    proxy.close();
  }
}

async function exitCodeOf(host: Host, child: ChildProcess, signal: AbortSignal): Promise<number> {
  const end = await host.children.follow(child, signal);
  return end.exitCode ?? 1;
}

/**
 * With `typescript: false` the plugin's entry runs directly, so that Node strips its types itself; the SDK's own runner
 * would register ts-node, which cannot load ES modules. Otherwise the SDK's runner, which also finds component classes.
 */
function pluginArguments(info: ProgramInfo, options: RuntimeOptions, args: readonly string[]): string[] {
  const folder = info.getProgramDirectory();
  const program = options.typescript
    ? [locateSdkModule("@pulumi/pulumi/cmd/run-plugin", folder), folder]
    : [entryFile(folder, info.getEntryPoint())];
  return [...KEEP_COMPILED, ...options.nodeArguments, ...program, ...args];
}

/** The file that a plugin folder starts with: `main` of its package.json, else index.ts, index.js, index.mjs, index.cjs. */
function entryFile(folder: string, entryPoint: string): string {
  const target = resolve(folder, entryPoint === "" ? "." : entryPoint);
  if (isFile(target)) return target;
  const candidates = ["index.ts", "index.js", "index.mjs", "index.cjs"];
  const main = mainOf(target);
  if (main !== undefined) candidates.unshift(main, ...candidates.map((name) => join(main, name)));
  const found = candidates.map((name) => join(target, name)).find(isFile);
  if (found !== undefined) return found;
  throw new Error(
    `The plugin in ${target} has no entry: neither "main" of its package.json nor index.ts, index.js.`,
  );
}

function mainOf(folder: string): string | undefined {
  const manifest = join(folder, "package.json");
  if (!isFile(manifest)) return undefined;
  const parsed: unknown = createRequire(manifest)(manifest);
  if (typeof parsed !== "object" || parsed === null || !("main" in parsed)) return undefined;
  return typeof parsed.main === "string" ? parsed.main : undefined;
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

function splitEnvironment(entries: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    entries.map((entry) => {
      const equals = entry.indexOf("=");
      return equals < 0 ? [entry, ""] : [entry.slice(0, equals), entry.slice(equals + 1)];
    }),
  );
}
