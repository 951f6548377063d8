import { spawn } from "node:child_process";
import type { RunRequest, RunResponse } from "@pulumi/pulumi/proto/language_pb.js";
import languagePb from "@pulumi/pulumi/proto/language_pb.js";
import type { ChildEnd } from "./children.ts";
import type { Host } from "./host.ts";
import { locateSdkModule } from "./modules.ts";
import { readRuntimeOptions, typescriptEnvironment } from "./options.ts";

/** Loaded into every program before the SDK. */
const LEAN_SDK = ["--import", new URL("lean-sdk.ts", import.meta.url).href];
/** Exit code by which the SDK's runner says that it has already shown the error to the user. */
const EXIT_CODE_ERROR_ALREADY_SHOWN = 32;

/**
 * Runs a Pulumi program to its end with the SDK that the program itself has installed. A failing program is an answer
 * with `error` or `bail`, never an exception.
 */
export async function runProgram(host: Host, request: RunRequest, signal: AbortSignal): Promise<RunResponse> {
  const response = new languagePb.RunResponse();
  try {
    if (request.getAttachDebugger())
      throw new Error("--attach-debugger is not supported by this language host");
    const end = await startProgram(host, request, signal);
    if (end.exitCode === EXIT_CODE_ERROR_ALREADY_SHOWN && !end.interrupted) response.setBail(true);
    else response.setError(describeEnd(end));
  } catch (error) {
    response.setError(error instanceof Error ? error.message : String(error));
  }
  return response;
}

async function startProgram(host: Host, request: RunRequest, signal: AbortSignal): Promise<ChildEnd> {
  const info = request.getInfo() ?? new languagePb.ProgramInfo();
  const programDirectory = info.getProgramDirectory() || request.getPwd();
  const options = readRuntimeOptions(info);
  const runner = locateSdkModule("@pulumi/pulumi/cmd/run", programDirectory);
  const child = spawn(
    host.nodePath,
    [...LEAN_SDK, ...options.nodeArguments, runner, ...runnerArguments(host, request, programDirectory)],
    {
      env: {
        ...host.env,
        ...typescriptEnvironment(options),
        PULUMI_CONFIG: JSON.stringify(Object.fromEntries(configEntries(request))),
        PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(request.getConfigsecretkeysList()),
      },
      // The CLI reads the host's own stdout and stderr as the program's, once the port has been announced.
      stdio: ["ignore", "inherit", "inherit"],
    },
  );
  return host.children.follow(child, signal);
}

function runnerArguments(host: Host, request: RunRequest, programDirectory: string): string[] {
  const info = request.getInfo();
  const named: [string, string | undefined][] = [
    ["--monitor", request.getMonitorAddress()],
    ["--engine", host.engineAddress],
    ["--organization", request.getOrganization()],
    ["--project", request.getProject()],
    ["--root-directory", info?.getRootDirectory()],
    ["--stack", request.getStack()],
    ["--pwd", programDirectory],
    ["--parallel", String(request.getParallel())],
  ];
  return [
    ...named.flatMap(([name, value]) => (value === undefined || value === "" ? [] : [name, value])),
    ...(request.getDryrun() ? ["--dry-run"] : []),
    info?.getEntryPoint() || ".",
    ...request.getArgsList(),
  ];
}

/** The SDK reads `namespace:config:name` as well as `namespace:name`; old versions know only the long form. */
function configEntries(request: RunRequest): [string, string][] {
  return request
    .getConfigMap()
    .toArray()
    .map(([key, value]) => {
      const colon = key.indexOf(":");
      if (colon < 0 || key.slice(colon + 1).startsWith("config:")) return [key, value];
      return [`${key.slice(0, colon)}:config:${key.slice(colon + 1)}`, value];
    });
}

function describeEnd(end: ChildEnd): string {
  // A program that catches the signal and exits 0 half-way looks complete, and the engine would delete the rest.
  if (end.interrupted) return "The program was interrupted before it was complete.";
  if (end.exitCode === 0) return "";
  if (end.signal === null) return `The program exited with code ${end.exitCode}.`;
  const outOfMemory =
    end.signal === "SIGABRT"
      ? " Node aborts when its heap is full; the runtime option nodeargs: --max-old-space-size=<MiB> raises the limit."
      : "";
  return `The program was ended by ${end.signal}.${outOfMemory}`;
}
