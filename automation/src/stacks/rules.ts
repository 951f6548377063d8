import { SlipwayError } from "../errors.ts";

/** A config key with its namespace: a bare name gets the project's, as `pulumi config set` does it. */
export function fullConfigKey(key: string, project: string): string {
  return key.includes(":") ? key : `${project}:${key}`;
}

/** What a stack is used for at this moment. */
export interface Use {
  resourceCount: number | null;
  open: number;
  isHeld: boolean;
  wasChanged: boolean;
}

/** Throws SlipwayError `conflict` while a deployment of the stack is open or somebody writes to it. */
export function checkUnused(use: Pick<Use, "open" | "isHeld">): void {
  if (use.open > 0) {
    throw new SlipwayError("conflict", "The stack has a deployment that has not ended.", {
      remedy: "Wait for it, or cancel it.",
    });
  }
  if (use.isHeld) {
    throw new SlipwayError("conflict", "Somebody runs an update of the stack.", {
      remedy: "Wait for it, or end it with pulumi cancel.",
    });
  }
}

/** Throws unless a stack may be removed: `conflict` while it is in use, `stack_not_empty` while it has resources. */
export function checkRemoval(use: Use): void {
  checkUnused(use);
  // Not counted after a change: a run that broke off may have left something behind.
  const mayHaveResources = use.resourceCount === null ? use.wasChanged : use.resourceCount > 0;
  if (!mayHaveResources) return;
  const count =
    use.resourceCount === null ? "resources that were not counted" : `${use.resourceCount} resources`;
  throw new SlipwayError("stack_not_empty", `The stack still has ${count}.`, {
    remedy: "Request a deployment with operation 'destroy' first.",
  });
}
