import { named } from "./invalid.ts";
import type { Raw } from "./raw-json.ts";
import {
  editedObject,
  elementsOf,
  flagOf,
  isAbsent,
  membersOf,
  rawText,
  stringOf,
  wholeValue,
} from "./raw-json.ts";
import { STACK_TYPE } from "./urn.ts";

/** What a state needs beside its resources to be read: by whom it was written, and how its secrets are opened. */
const KEPT = new Set(["manifest", "secrets_providers"]);

/**
 * A state (Pulumi's `UntypedDeployment`) with nothing but the stack's own resource, which holds the outputs; that resource byte for byte. For readers that may have the outputs
 * and no more: a state's other resources tell how its system is built, and hold secrets that are no outputs. Throws SlipwayError `invalid_state` when the text is no state.
 */
export function outputsOnly(text: string): string {
  return named("invalid_state", () => {
    const document = wholeValue(text);
    const members = membersOf(document);
    const deployment = members.get("deployment");
    if (isAbsent(deployment)) return text;
    const inner = membersOf(deployment);
    const edits = new Map<string, string | undefined>();
    for (const name of inner.keys()) if (!KEPT.has(name)) edits.set(name, undefined);
    const stack = stackOf(inner.get("resources"));
    if (stack !== undefined) edits.set("resources", `[${rawText(stack)}]`);
    return editedObject(document, members, new Map([["deployment", editedObject(deployment, inner, edits)]]));
  });
}

function stackOf(resources: Raw | undefined): Raw | undefined {
  if (isAbsent(resources)) return undefined;
  return elementsOf(resources).find((resource) => {
    const members = membersOf(resource);
    const type = members.get("type");
    return !isAbsent(type) && stringOf(type) === STACK_TYPE && !flagOf(members.get("delete"));
  });
}
