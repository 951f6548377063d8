import type { Actor } from "../../access/rules.ts";
import { can } from "../../access/rules.ts";
import type { ImportStanding } from "../../contract/state-imports.ts";

/** What the database knows of a name under which a stack is to be imported. */
export interface ImportPlace {
  readonly projectExists: boolean;
  /** Null: no stack has the name. */
  readonly stack: {
    readonly id: string;
    /** Digest of what was imported into it, lower-case hex; null when nothing was. */
    readonly importedDigest: string | null;
    /** It was updated, deployed or given a state: nothing may be put below that. */
    readonly isUsed: boolean;
    /** Somebody holds it now. */
    readonly isHeld: boolean;
  } | null;
}

/** Where an import of a source with `digest` (lower-case hex) stands for an actor. An unused stack takes one as a new name does. */
export function standingOf(
  actor: Actor,
  organisation: string,
  place: ImportPlace,
  digest: string,
): ImportStanding {
  const { stack } = place;
  if (stack === null) {
    const mayCreate =
      can(actor, "stack.create", { organisation }) &&
      (place.projectExists || can(actor, "project.create", { organisation }));
    return mayCreate ? "new" : "forbidden";
  }
  if (!can(actor, "stack.update", { organisation, stackId: stack.id })) return "forbidden";
  if (stack.importedDigest !== null) return stack.importedDigest === digest ? "imported" : "changed";
  return stack.isUsed || stack.isHeld ? "occupied" : "new";
}
