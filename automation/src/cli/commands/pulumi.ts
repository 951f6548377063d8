import { mkdir, mkdtemp, rm } from "node:fs/promises";
import path from "node:path";
import { resolveKeeperSocket } from "../../../../infra/providers/local/keeper-socket.ts";
import type { Client } from "../../client/index.ts";
import { createClient } from "../../client/index.ts";
import { StackName } from "../../contract/identifiers.ts";
import { resolvePulumi } from "../../engine/pulumi-cli/resolve.ts";
import { SlipwayError } from "../../errors.ts";
import { connectionTo } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { runInForeground } from "../foreground.ts";
import { dataDirectory } from "../installation.ts";
import type { Register } from "../program.ts";
import { DEFAULT_ORGANISATION, nearestPulumiProject } from "../stack-choice.ts";

const STARTS_STACKS = new Set(["up", "update", "preview", "pre"]);

export const register: Register = (program, context) => {
  program
    .command("pulumi")
    .description("run the Pulumi CLI on the state, plugins and deployed processes of this machine's Slipway")
    .argument("[arguments...]", "of pulumi, after --, as in: slipway pulumi -- up -s local")
    .passThroughOptions()
    .allowUnknownOption()
    .helpOption("--help-slipway", "print this help")
    .action((argv: string[]) => runPulumi(context, argv));
};

async function runPulumi(context: CliContext, argv: readonly string[]): Promise<void> {
  const connection = await connectionTo(context, {});
  const client = createClient(connection);
  // Says that no server answers, or that it does not know the token, before anything else is done.
  await client.whoami();
  const pulumiHome = path.join(dataDirectory(context), "pulumi-home");
  await mkdir(pulumiHome, { recursive: true, mode: 0o700 });
  // The CLI writes the token that it is given to a file: to one that goes with this command.
  const credentials = await mkdtemp(path.join(pulumiHome, "credentials-"));
  try {
    const { path: pulumi, env } = await pulumiEnvironment(context, {
      PULUMI_BACKEND_URL: connection.baseUrl,
      PULUMI_ACCESS_TOKEN: connection.token,
      PULUMI_HOME: pulumiHome,
      PULUMI_CREDENTIALS_PATH: credentials,
    });
    const created = await createMissingStack(context, client, pulumi, env, argv);
    context.finish(created === 0 ? await runInForeground(context, pulumi, argv, env) : created);
  } finally {
    await rm(credentials, { recursive: true, force: true });
  }
}

/** The CLI, and the environment in which it works on the same stacks as the worker of this installation. */
async function pulumiEnvironment(context: CliContext, backend: Readonly<Record<string, string>>) {
  const found = await resolvePulumi({
    env: context.env,
    nodePath: process.execPath,
    signal: context.signal,
    onProgress: (step, detail) => {
      if (step !== "look" && step !== "language-host") context.stderr.write(`${detail}\n`);
    },
  });
  const folders = [found.languageHostDir, path.dirname(found.path), path.dirname(found.nodePath)];
  const env = {
    ...context.env,
    ...backend,
    PATH: [...folders, context.env.PATH].filter((folder) => folder !== undefined).join(path.delimiter),
    PULUMI_SKIP_UPDATE_CHECK: "true",
    SLIPWAY_KEEPER_SOCKET: context.env.SLIPWAY_KEEPER_SOCKET ?? resolveKeeperSocket(dataDirectory(context)),
  };
  return { path: found.path, env };
}

/** Makes the stack that `up -s <stack>` names when the server does not have it yet. Answers pulumi's exit code, or 0. */
async function createMissingStack(
  context: CliContext,
  client: Client,
  pulumi: string,
  env: Readonly<Record<string, string | undefined>>,
  argv: readonly string[],
): Promise<number> {
  const stack = namedStack(argv);
  const project = stack === null ? null : await nearestPulumiProject(context.cwd);
  if (stack === null || project?.name == null) return 0;
  const name = { organisation: DEFAULT_ORGANISATION, project: project.name, stack };
  if (await exists(client, name)) return 0;
  context.stderr.write(`Stack ${stack} is new here; creating it.\n`);
  return runInForeground(context, pulumi, ["stack", "init", stack, "--no-select"], env);
}

async function exists(
  client: Client,
  params: { organisation: string; project: string; stack: string },
): Promise<boolean> {
  try {
    await client.getStack({ params });
    return true;
  } catch (thrown) {
    if (thrown instanceof SlipwayError && thrown.code === "not_found") return false;
    throw thrown;
  }
}

/** The bare stack name in `up -s <stack>` and the like, or null. */
export function namedStack(argv: readonly string[]): string | null {
  if (!STARTS_STACKS.has(argv[0] ?? "")) return null;
  for (const [index, word] of argv.entries()) {
    const given =
      word === "-s" || word === "--stack" ? argv[index + 1] : /^(?:--stack|-s)=(.*)$/.exec(word)?.[1];
    if (given !== undefined) return StackName.safeParse(given).success ? given : null;
  }
  return null;
}
