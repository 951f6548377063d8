import type { ProgramInfo } from "@pulumi/pulumi/proto/language_pb.js";
import { splitWords } from "./arguments.ts";

const PACKAGE_MANAGERS = ["auto", "npm", "yarn", "pnpm", "bun"] as const;
export type PackageManagerChoice = (typeof PACKAGE_MANAGERS)[number];

/** The options of `runtime: {name: nodejs, options: ...}` in Pulumi.yaml, PulumiPlugin.yaml and PulumiPolicy.yaml. */
export interface RuntimeOptions {
  /** True, the default: the SDK registers ts-node. False: Node's own type stripping, or plain JavaScript. */
  readonly typescript: boolean;
  readonly tsconfig: string | undefined;
  readonly nodeArguments: readonly string[];
  readonly packageManager: PackageManagerChoice;
  /** Leaves out development dependencies when dependencies are installed. */
  readonly production: boolean;
}

/** Reads the runtime options of a program. Throws an Error that names the option whose value has the wrong type. */
export function readRuntimeOptions(info: ProgramInfo): RuntimeOptions {
  const options: Record<string, unknown> = info.getOptions()?.toJavaScript() ?? {};
  const packageManager = optional(options, "packagemanager", "string") ?? "auto";
  if (!isPackageManager(packageManager)) {
    throw new Error(
      `the runtime option packagemanager is "${packageManager}"; it can be ${PACKAGE_MANAGERS.join(", ")}`,
    );
  }
  return {
    typescript: optional(options, "typescript", "boolean") ?? true,
    tsconfig: optional(options, "tsconfig", "string"),
    nodeArguments: splitWords(optional(options, "nodeargs", "string") ?? ""),
    packageManager,
    production: optional(options, "production", "boolean") ?? false,
  };
}

/** Variables that tell the SDK's launchers how to load TypeScript. */
export function typescriptEnvironment(options: RuntimeOptions): Record<string, string> {
  return {
    ...(options.typescript ? { PULUMI_NODEJS_TYPESCRIPT: "true" } : {}),
    ...(options.tsconfig === undefined ? {} : { PULUMI_NODEJS_TSCONFIG_PATH: options.tsconfig }),
  };
}

function isPackageManager(name: string): name is PackageManagerChoice {
  return PACKAGE_MANAGERS.some((known) => known === name);
}

function optional(options: Record<string, unknown>, name: string, type: "string"): string | undefined;
function optional(options: Record<string, unknown>, name: string, type: "boolean"): boolean | undefined;
function optional(options: Record<string, unknown>, name: string, type: "string" | "boolean"): unknown {
  const value = options[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== type) throw new Error(`the runtime option ${name} must be a ${type}`);
  return value;
}
