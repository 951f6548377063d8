import type { DriftAdoption, DriftAlert } from "../contract/drift.ts";
import { SECRET_VALUE } from "../contract/previews.ts";
import { SlipwayError } from "../errors.ts";
import { stepsOf } from "./ignore-rules.ts";

/** Values in sentences are cut; the patch has the whole. */
const LONGEST_IN_WORDS = 120;

/**
 * What of the program would have to be otherwise for a drift to be what is wanted. Slipway proposes and edits nothing: which line of which file sets a property is the program's to know. Throws
 * SlipwayError `conflict` for an alert that is about no resource.
 */
export function adoptionOf(
  alert: Pick<DriftAlert, "kind" | "urn" | "resourceType" | "path" | "value">,
): DriftAdoption {
  const { urn, resourceType, path, value } = alert;
  if (urn === null || resourceType === null) {
    throw new SlipwayError("conflict", "The alert is about no resource: there is nothing to take over.", {
      remedy: "Correct what its reason names.",
    });
  }
  const name = urn.split("::").at(-1) ?? urn;
  const about = { urn, resourceType, name };
  if (path === null || value === null) {
    return {
      ...about,
      instruction: `Take the resource "${name}" of type ${resourceType} out of the program, and what needs it.`,
      patch: [],
      notes: [
        "It is gone already: the next update only takes it out of the state.",
        "If it is protected, or retained on delete, the program says so with an option that has to go first.",
      ],
    };
  }
  const place = `${path} of the resource "${name}" of type ${resourceType}`;
  if (value.after?.includes(SECRET_VALUE) === true || value.before?.includes(SECRET_VALUE) === true) {
    return {
      ...about,
      instruction: `Set the secret that ${place} is made of to the value that it has now, as slipway config set --secret does.`,
      patch: [],
      notes: ["Its value is sealed: Slipway shows it to nobody. Read it where it was changed."],
    };
  }
  const after = value.after === null ? undefined : parsed(value.after);
  if (value.after !== null && after === undefined) {
    return {
      ...about,
      instruction: `Set ${place} to the value that it has now.`,
      patch: [],
      notes: ["The value is too long to be kept whole: read it where it was changed."],
    };
  }
  const isListItem = path.endsWith("[+]");
  const op = value.after === null ? "remove" : value.before === null ? "add" : "replace";
  const shown = value.after === null ? "" : inWords(value.after);
  return {
    ...about,
    instruction:
      op === "remove"
        ? `Remove ${place} from the program.`
        : isListItem
          ? `Add ${shown} to the list ${path.slice(0, -"[+]".length)} of the resource "${name}" of type ${resourceType}.`
          : value.before === null
            ? `Set ${place} to ${shown}.`
            : `Change ${place} from ${inWords(value.before)} to ${shown}.`,
    patch: [{ op, path: pointerOf(path), ...(op === "remove" ? {} : { value: after }) }],
    notes: [
      "After the change a preview shows no step for this property; then deploy. The alert closes with the check after that.",
      "The value may come from a config key or from another resource: change it there.",
      ...(/\[\d+\]/u.test(path) ? ["The index is the one that the list has in the state."] : []),
    ],
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // It was cut when it was kept.
    return undefined;
  }
}

function inWords(text: string): string {
  return text.length <= LONGEST_IN_WORDS ? text : `${text.slice(0, LONGEST_IN_WORDS)}…`;
}

/** RFC 6901. */
function pointerOf(path: string): string {
  return stepsOf(path)
    .map((step) => `/${(step === "+" ? "-" : step).replaceAll("~", "~0").replaceAll("/", "~1")}`)
    .join("");
}
