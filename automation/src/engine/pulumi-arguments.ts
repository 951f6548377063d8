import { SlipwayError } from "../errors.ts";
import type { EngineOperation, PulumiRequest } from "./runner-protocol.ts";

/** Used when a request names none; the CLI's own default would depend on the machine's environment. */
export const DEFAULT_PARALLEL = 16;

const COMMANDS: Readonly<Record<EngineOperation, string>> = {
  preview: "preview",
  "preview-refresh": "refresh",
  "preview-destroy": "destroy",
  update: "up",
  refresh: "refresh",
  destroy: "destroy",
  // What a preview with --refresh reads is read here too; the differences of the program, which are no drift, are left out.
  "detect-drift": "refresh",
};

/** Files that the runner made for one engine request. */
export interface EngineFiles {
  configFile: string;
  eventLog: string;
  /** The config of each policy pack, in the order of the packs. */
  policyConfigs?: readonly string[];
}

/**
 * The CLI's arguments for a request, without the program. Every option that the CLI could take from its environment or
 * guess is given. Throws SlipwayError `invalid_option` for an option that the operation does not have: nothing is dropped.
 */
export function pulumiArguments(request: PulumiRequest, files: EngineFiles): string[] {
  const { operation, options, planPath } = request;
  const isDriftCheck = operation === "detect-drift";
  const onlyLooks = isDriftCheck || operation === "preview-refresh" || operation === "preview-destroy";
  const refreshes = isDriftCheck || operation === "refresh" || operation === "preview-refresh";
  const isChange = operation !== "preview" && !onlyLooks;
  const runsProgram = operation === "preview" || operation === "update";
  refuse(options.replace !== undefined && !runsProgram, "replace", operation);
  refuse(options.refresh && refreshes, "refresh", operation);
  refuse((options.runProgram !== undefined) !== isDriftCheck, "runProgram", operation);
  refuse(planPath !== undefined && !runsProgram, "plan", operation);
  const packs = request.policyPacks ?? [];
  refuse(packs.length > 0 && !runsProgram, "policyPacks", operation);
  refuse(packs.length !== (files.policyConfigs ?? []).length, "policyPacks", operation);
  refuse(
    options.targetDependents === true && (options.targets ?? []).length === 0,
    "targetDependents",
    operation,
  );
  return [
    COMMANDS[operation],
    "--non-interactive",
    "--color=never",
    `--stack=${request.stack}`,
    `--config-file=${files.configFile}`,
    `--event-log=${files.eventLog}`,
    `--parallel=${options.parallel ?? DEFAULT_PARALLEL}`,
    "--suppress-permalink=true",
    ...(request.tracesTo === undefined ? [] : [`--otel-traces=${request.tracesTo}`]),
    ...(isChange ? ["--yes", "--skip-preview"] : []),
    ...(onlyLooks ? ["--preview-only"] : []),
    ...(refreshes ? [] : [`--refresh=${options.refresh}`]),
    // A refresh or destroy acts on what the state says; running the program for it is a different operation.
    ...(runsProgram ? [] : [`--run-program=${options.runProgram === true}`]),
    ...(options.targets ?? []).map((urn) => `--target=${urn}`),
    ...(options.targetDependents === true ? ["--target-dependents"] : []),
    ...(options.replace ?? []).map((urn) => `--replace=${urn}`),
    ...packs.map(({ path }) => `--policy-pack=${path}`),
    ...(files.policyConfigs ?? []).map((file) => `--policy-pack-config=${file}`),
    ...(options.message === undefined ? [] : [`--message=${options.message}`]),
    ...(planPath === undefined
      ? []
      : [operation === "preview" ? `--save-plan=${planPath}` : `--plan=${planPath}`]),
  ];
}

function refuse(isWrong: boolean, option: string, operation: string): void {
  if (isWrong) {
    throw new SlipwayError(
      "invalid_option",
      `The option ${option} has no meaning for ${operation} as it was given.`,
    );
  }
}
