import type { StackName } from "../stacks/store.ts";

/** A stack as the command line takes it. */
export function stackArgument({ organisation, project, stack }: StackName): string {
  return organisation === "default" ? `${project}/${stack}` : `${organisation}/${project}/${stack}`;
}
