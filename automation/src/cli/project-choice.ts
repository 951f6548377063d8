import type { Command } from "commander";
import type { Client } from "../client/index.ts";
import type { CliContext, CommonOptions } from "./context.ts";
import { usageError } from "./failure.ts";
import { withCommonOptions } from "./options.ts";
import { parseProject } from "./pause-target.ts";
import { DEFAULT_ORGANISATION, projectOfFolder } from "./stack-choice.ts";

/** Options of commands about one project. */
export interface ProjectOptions extends CommonOptions {
  readonly project?: string;
}

/** Names a project in an address. */
export interface ProjectParams {
  organisation: string;
  project: string;
}

/** Adds what every command about one project takes. */
export function withProjectOptions(command: Command): Command {
  return withCommonOptions(
    command.option("--project <project>", "[organisation/]project; by default the one of this folder"),
  );
}

/** The project that a command is about: --project, else the registered project of the current folder. */
export async function chooseProject(
  context: CliContext,
  client: Client,
  options: ProjectOptions,
): Promise<ProjectParams> {
  if (options.project !== undefined) return parseProject(options.project);
  const project = await projectOfFolder(context, client);
  if (project !== null) return { organisation: project.organisation, project: project.name };
  throw usageError(
    "No project was named, and the current folder does not belong to a registered one.",
    "Name it with --project.",
  );
}

/** organisation/project, without the default organisation. */
export function projectLabel({ organisation, project }: ProjectParams): string {
  return organisation === DEFAULT_ORGANISATION ? project : `${organisation}/${project}`;
}
