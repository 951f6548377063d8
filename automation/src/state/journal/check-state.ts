import { named } from "./invalid.ts";
import { jsonError } from "./raw-json.ts";
import { assertReadable } from "./resource.ts";
import { readStateDocument } from "./state-document.ts";

/**
 * Checks the JSON text of a state (Pulumi's `UntypedDeployment`) that comes from outside, so that an update can begin with it. Throws SlipwayError
 * `invalid_state`. `resourceCount` is of all resources, the stack's own and providers included.
 */
export function checkState(text: string): { version: number; resourceCount: number } {
  return named("invalid_state", () => {
    const { version, snapshot } = readStateDocument(text);
    try {
      JSON.parse(text);
    } catch {
      throw jsonError(text, 0, "valid JSON");
    }
    for (const resource of snapshot.resources) assertReadable(resource);
    for (const { resource } of snapshot.operations) assertReadable(resource);
    return { version, resourceCount: snapshot.resources.length };
  });
}
