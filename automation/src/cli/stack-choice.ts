import { readFile, realpath } from "node:fs/promises";
import path from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import type { Client } from "../client/index.ts";
import { OrganisationName, ProjectName, StackName, type StackPath } from "../contract/identifiers.ts";
import type { Project } from "../contract/projects.ts";
import { SlipwayError, systemCode } from "../errors.ts";
import type { CliContext, StackOptions } from "./context.ts";
import { usageError } from "./failure.ts";
import { allPages } from "./pages.ts";

export const DEFAULT_ORGANISATION = "default";
const HOW = "Name it with --stack as [organisation/]project/stack.";

/** A name as given: the stack alone, with its project, or with both. */
export interface PartialStack {
  readonly organisation: string | null;
  readonly project: string | null;
  readonly stack: string;
}

/** Reads `[[organisation/]project/]stack`. Throws a usage error that names the part that is wrong. */
export function parseStack(given: string): PartialStack {
  const parts = given.split("/");
  const [stack, project, organisation] = parts.toReversed();
  if (stack === undefined || parts.length > 3)
    throw usageError(`${JSON.stringify(given)} is not the name of a stack.`, HOW);
  return {
    stack: checked(StackName, stack),
    project: project === undefined ? null : checked(ProjectName, project),
    organisation: organisation === undefined ? null : checked(OrganisationName, organisation),
  };
}

/** The name, or a usage error with the rule that it breaks. */
export function checked(schema: z.ZodType<string>, given: string): string {
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  const rule = result.error.issues[0]?.message ?? "it is not allowed";
  throw usageError(`${JSON.stringify(given)} cannot be used as a name: ${rule}.`, HOW);
}

/**
 * The stack that a command is about: --stack, completed by the project of the current folder; without --stack the only
 * stack of that project. Fails with what there is to choose from.
 */
export async function chooseStack(
  context: CliContext,
  client: Client,
  options: StackOptions,
): Promise<StackPath> {
  const given = options.stack === undefined ? null : parseStack(options.stack);
  if (given !== null && given.project !== null)
    return {
      organisation: given.organisation ?? DEFAULT_ORGANISATION,
      project: given.project,
      stack: given.stack,
    };
  const project = await projectOfFolder(context, client);
  if (project === null)
    throw usageError(
      given === null
        ? "No stack was named, and the current folder does not belong to a registered project."
        : `Which project's stack ${given.stack} is meant is not known here.`,
      HOW,
    );
  const { organisation, name } = project;
  if (given !== null) return { organisation, project: name, stack: given.stack };
  const stacks = await allPages((after) =>
    client.listStacks({ query: { organisation, project: name, ...after } }),
  );
  const [only, ...others] = stacks;
  if (only === undefined)
    throw usageError(
      `Project ${name} has no stacks yet.`,
      `Create one: slipway stacks create ${name}/<stack>.`,
    );
  if (others.length > 0)
    throw usageError(
      `Project ${name} has ${stacks.length} stacks: ${stacks.map((one) => one.name).join(", ")}.`,
      "Name one with --stack.",
    );
  return { organisation, project: name, stack: only.name };
}

/** The registered project whose folder is the nearest one upwards from here that holds a Pulumi.yaml, or null. */
export async function projectOfFolder(context: CliContext, client: Client): Promise<Project | null> {
  const found = await nearestPulumiProject(context.cwd);
  if (found === null) return null;
  const projects = await allPages((after) => client.listProjects({ query: after }));
  return projects.find((one) => one.folder === found.folder) ?? null;
}

const PulumiProject = z.looseObject({ name: z.string() });

/** The nearest folder upwards that holds a Pulumi.yaml, without symbolic links, and the project's name in it. */
export async function nearestPulumiProject(
  from: string,
): Promise<{ folder: string; name: string | null } | null> {
  for (let folder = await realpath(from); ; folder = path.dirname(folder)) {
    const text = await readIfThere(path.join(folder, "Pulumi.yaml"));
    if (text !== null) return { folder, name: nameIn(text) };
    if (folder === path.dirname(folder)) return null;
  }
}

function nameIn(text: string): string | null {
  try {
    return PulumiProject.parse(parse(text)).name;
  } catch {
    // The folder is still the project's; what is wrong with the file is for the deployment to say.
    return null;
  }
}

async function readIfThere(file: string): Promise<string | null> {
  try {
    return await readFile(file, "utf8");
  } catch (thrown) {
    if (systemCode(thrown) === "ENOENT" || systemCode(thrown) === "ENOTDIR") return null;
    throw new SlipwayError("cli_folder", `${file} cannot be read.`, { cause: thrown });
  }
}

/** organisation/project/stack, without the default organisation. */
export function stackLabel(stack: { organisation: string; project: string; stack: string }): string {
  const short = `${stack.project}/${stack.stack}`;
  return stack.organisation === DEFAULT_ORGANISATION ? short : `${stack.organisation}/${short}`;
}

/** The options of a command that takes its stack as an argument too. Throws when both name one. */
export function withStackArgument(options: StackOptions, given: string | undefined): StackOptions {
  if (given === undefined) return options;
  if (options.stack !== undefined && options.stack !== given)
    throw usageError("The stack was named twice.", "Give it once, as argument or with --stack.");
  return { ...options, stack: given };
}
