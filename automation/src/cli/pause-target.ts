import type { Client } from "../client/index.ts";
import { ProjectName } from "../contract/identifiers.ts";
import type { CliContext, StackOptions } from "./context.ts";
import { usageError } from "./failure.ts";
import { checked, chooseStack, DEFAULT_ORGANISATION, stackLabel } from "./stack-choice.ts";

/** Options of commands that pause or resume. */
export interface PauseOptions extends StackOptions {
  readonly project?: string;
  readonly all?: boolean;
}

export type PauseTarget =
  | { scope: "everything"; label: string }
  | { scope: "project"; label: string; params: { organisation: string; project: string } }
  | { scope: "stack"; label: string; params: { organisation: string; project: string; stack: string } };

/** Reads `[organisation/]project`. Throws a usage error that names what is wrong. */
export function parseProject(given: string): { organisation: string; project: string } {
  const [project = "", organisation = DEFAULT_ORGANISATION, ...more] = given.split("/").toReversed();
  if (more.length > 0)
    throw usageError(`${JSON.stringify(given)} is not the name of a project.`, "Use [organisation/]project.");
  return { organisation, project: checked(ProjectName, project) };
}

/** What is to be paused or resumed: everything, a project, else a stack. */
export async function pauseTarget(
  context: CliContext,
  client: Client,
  options: PauseOptions,
): Promise<PauseTarget> {
  const given = [options.all === true, options.project !== undefined, options.stack !== undefined];
  if (given.filter(Boolean).length > 1)
    throw usageError("--all, --project and --stack exclude each other.", "Give one of them.");
  if (options.all === true) return { scope: "everything", label: "everything" };
  if (options.project !== undefined) {
    const params = parseProject(options.project);
    return { scope: "project", label: `${params.organisation}/${params.project}`, params };
  }
  const params = await chooseStack(context, client, options);
  return { scope: "stack", label: stackLabel(params), params };
}
