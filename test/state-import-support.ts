import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { ImportReport, StackReport } from "../automation/src/cli/state/import-report.ts";
import type { TestApi } from "./helpers/api.ts";
import { linkPackages, type TestCli } from "./helpers/pulumi-cli.ts";
import { type CliRun, runSlipway } from "./helpers/run-cli.ts";
import { writeProject } from "./helpers/trivial-project.ts";

export const PASSPHRASE = "correct horse battery staple";

/** A program with resources that are kept in the state alone, secrets in inputs and outputs, and nothing that changes by itself. */
const PROGRAM = `import pulumi from "@pulumi/pulumi";

const config = new pulumi.Config();
const count = config.getNumber("count") ?? 3;
for (let index = 0; index < count; index += 1) new pulumi.Stash("item-" + index, { input: { index, big: 2 ** 60, text: "<&> \\u2028" } });
const password = config.requireSecret("password");
new pulumi.Stash("sealed", { input: password });
export const connection = pulumi.interpolate\`postgres://\${password}@db\`;
export const items = count;
if (config.getBoolean("fail")) throw new Error("the program fails when it is told to");
`;

/** A project whose stacks live in a file:// backend, driven by the stock CLI. */
export interface DiyProject {
  readonly folder: string;
  /** Folder of the backend. */
  readonly backend: string;
  readonly env: Record<string, string>;
}

/** Writes a project and names a backend for it; `compressed`: Pulumi packs its files. */
export function diyProject(
  cli: TestCli,
  name: string,
  { backend = `${name}-backend`, env = {} }: { backend?: string; env?: Record<string, string> } = {},
): DiyProject {
  const folder = linkPackages(writeProject(cli.folder(name), name, { "index.js": PROGRAM }));
  const place = path.join(cli.home, backend);
  mkdirSync(place, { recursive: true });
  return {
    folder,
    backend: place,
    env: { PULUMI_BACKEND_URL: `file://${place}`, PULUMI_CONFIG_PASSPHRASE: PASSPHRASE, ...env },
  };
}

/** Makes a stack there with a history of three updates, one of which fails. */
export async function makeDiyStack(cli: TestCli, { folder, env }: DiyProject, stack: string): Promise<void> {
  const at = { cwd: folder, env };
  await cli.succeed(["stack", "init", stack], at);
  await cli.succeed(["config", "set", "--secret", "password", "hunter2", "--stack", stack], at);
  await cli.succeed(["stack", "tag", "set", "team", "payments", "--stack", stack], at);
  await cli.succeed(["up", "--yes", "--skip-preview", "--stack", stack, "--message", "First"], at);
  await cli.succeed(["config", "set", "count", "5", "--stack", stack], at);
  await cli.succeed(["config", "set", "fail", "true", "--stack", stack], at);
  const failed = await cli.run(
    ["up", "--yes", "--skip-preview", "--stack", stack, "--message", "Second"],
    at,
  );
  if (failed.code === 0) throw new Error("the second update should fail");
  await cli.succeed(["config", "rm", "fail", "--stack", stack], at);
  await cli.succeed(["up", "--yes", "--skip-preview", "--stack", stack, "--message", "Third"], at);
}

/** Runs `slipway <argv>` against the API under test, with the owner's token unless told otherwise. */
export async function slipwayCli(
  api: TestApi,
  cli: TestCli,
  argv: readonly string[],
  {
    token = api.token,
    env = {},
    signal,
  }: { token?: string; env?: Record<string, string>; signal?: AbortSignal } = {},
): Promise<CliRun> {
  const reach = { SLIPWAY_URL: cli.url, SLIPWAY_TOKEN: token, XDG_CONFIG_HOME: cli.folder("config") };
  return runSlipway(argv, {
    env: { ...process.env, ...reach, ...env },
    cwd: cli.home,
    ...(signal === undefined ? {} : { signal }),
  });
}

/** Imports, and answers the report. Throws when there is none. */
export async function importFrom(
  api: TestApi,
  cli: TestCli,
  url: string,
  more: readonly string[] = [],
  options: Parameters<typeof slipwayCli>[3] = {},
): Promise<{ report: ImportReport; code: number }> {
  const { stdout, stderr, code } = await slipwayCli(
    api,
    cli,
    ["state", "import", "--from", url, "--json", ...more],
    options,
  );
  if (stdout === "") throw new Error(`there is no report: ${stderr}`);
  return { report: JSON.parse(stdout) as ImportReport, code };
}

/** The report of the only stack. */
export function onlyStack({ stacks }: ImportReport): StackReport {
  const [only, ...others] = stacks;
  if (only === undefined || others.length > 0)
    throw new Error(`there are ${stacks.length} stacks in the report`);
  return only;
}

/** A file with a passphrase in it. */
export function passphraseFile(cli: TestCli, passphrase: string): string {
  const file = path.join(cli.home, `passphrase-${passphrase.length}`);
  writeFileSync(file, `${passphrase}\n`, { mode: 0o600 });
  return file;
}
