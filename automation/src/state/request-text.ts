import { named } from "./journal/invalid.ts";
import type { Raw } from "./journal/raw-json.ts";
import { assertEnd, isAbsent, jsonError, membersAt, rawText, skipSpace } from "./journal/raw-json.ts";

/** The text of `entries` of an apitype.JournalEntries. Throws SlipwayError `invalid_journal`. */
export function entriesText(body: string): string {
  return named("invalid_journal", () => {
    const start = skipSpace(body, 0);
    const { members, end } = membersAt(body, start);
    assertEnd(body, end);
    return rawText(required(members.get("entries"), body, start, "a list of entries"));
  });
}

/**
 * The apitype.UntypedDeployment of an apitype.PatchUpdateCheckpointRequest, whose deployment stays byte for byte as it came. Throws SlipwayError
 * `invalid_state`.
 */
export function checkpointText(body: string): string {
  return named("invalid_state", () => {
    const start = skipSpace(body, 0);
    const { members, end } = membersAt(body, start);
    assertEnd(body, end);
    const version = rawText(required(members.get("version"), body, start, "a version"));
    const deployment = rawText(required(members.get("deployment"), body, start, "a deployment"));
    const features = members.get("features");
    const named = isAbsent(features) ? "" : `"features":${rawText(features)},`;
    return `{"version":${version},${named}"deployment":${deployment}}`;
  });
}

function required(raw: Raw | undefined, body: string, start: number, what: string): Raw {
  if (isAbsent(raw)) throw jsonError(body, start, what);
  return raw;
}
