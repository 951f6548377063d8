import path from "node:path";
import { resolveKeeperSocket } from "../../../../infra/providers/local/keeper-socket.ts";
import { StackName } from "../../contract/identifiers.ts";
import { resolvePulumi } from "../../engine/pulumi-cli/resolve.ts";
import { readStackState } from "../../engine/state-outputs.ts";
import { localStateEnvironment } from "../../state/local-state.ts";
import type { CliContext } from "../context.ts";
import { runInForeground } from "../foreground.ts";
import { dataDirectory } from "../installation.ts";
import type { Register } from "../program.ts";
import { DEFAULT_ORGANISATION, nearestPulumiProject } from "../stack-choice.ts";
import { keepStackFiles } from "../stack-files.ts";

/** Pulumi's file backend knows one organisation, with this name. */
const FILE_BACKEND_ORGANISATION = "organization";
const STARTS_STACKS = new Set(["up", "update", "preview", "pre"]);

export const register: Register = (program, context) => {
  program
    .command("pulumi")
    .description("run the Pulumi CLI on the state, plugins and deployed processes of this machine's Slipway")
    .argument("[arguments...]", "of pulumi, after --, as in: slipway pulumi -- up -s local")
    .passThroughOptions()
    .allowUnknownOption()
    .helpOption("--help-slipway", "print this help")
    .action(async (argv: string[]) => {
      const { path: pulumi, env } = await pulumiEnvironment(context);
      const project = await nearestPulumiProject(context.cwd);
      const restore = project === null ? null : await keepStackFiles(project.folder);
      try {
        const created = await createMissingStack(context, pulumi, env, argv);
        context.finish(created === 0 ? await runInForeground(context, pulumi, argv, env) : created);
      } finally {
        await restore?.();
      }
    });
};

/** The CLI, and the environment in which it works on the same stacks as the worker of this installation. */
async function pulumiEnvironment(context: CliContext) {
  const dataDir = dataDirectory(context);
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
    ...(await localStateEnvironment(dataDir, DEFAULT_ORGANISATION)),
    PATH: [...folders, context.env.PATH].filter((folder) => folder !== undefined).join(path.delimiter),
    PULUMI_SKIP_UPDATE_CHECK: "true",
    SLIPWAY_KEEPER_SOCKET: context.env.SLIPWAY_KEEPER_SOCKET ?? resolveKeeperSocket(dataDir),
  };
  return { path: found.path, env };
}

/** Makes the stack that `up -s <stack>` names when the installation has no state of it yet. Answers pulumi's exit code, or 0. */
async function createMissingStack(
  context: CliContext,
  pulumi: string,
  env: Readonly<Record<string, string | undefined>>,
  argv: readonly string[],
): Promise<number> {
  const stack = namedStack(argv);
  const project = stack === null ? null : await nearestPulumiProject(context.cwd);
  if (stack === null || project?.name == null) return 0;
  const name = `${FILE_BACKEND_ORGANISATION}/${project.name}/${stack}`;
  const known = await readStackState(env.PULUMI_BACKEND_URL ?? "", name);
  if (known !== undefined) return 0;
  context.stderr.write(`Stack ${stack} is new here; creating it.\n`);
  return runInForeground(context, pulumi, ["stack", "init", stack, "--no-select"], env);
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
