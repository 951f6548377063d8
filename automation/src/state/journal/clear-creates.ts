import { named } from "./invalid.ts";
import { editedObject, elementsOf, isAbsent, membersOf, rawText, wholeValue } from "./raw-json.ts";
import { readOperation } from "./resource.ts";

/**
 * A state without the pending creates of some URNs; all else keeps its bytes. Answers the text and how many were dropped. Throws SlipwayError `invalid_state` when the text is no
 * state. What is dropped is forgotten: only for resources that are known not to exist.
 */
export function withoutPendingCreates(
  text: string,
  urns: readonly string[],
): { text: string; dropped: number } {
  return named("invalid_state", () => {
    const document = wholeValue(text);
    const members = membersOf(document);
    const deployment = members.get("deployment");
    if (isAbsent(deployment)) return { text, dropped: 0 };
    const inner = membersOf(deployment);
    const pending = inner.get("pending_operations");
    if (isAbsent(pending)) return { text, dropped: 0 };
    const all = elementsOf(pending);
    const kept = all.filter((raw) => {
      const { type, resource } = readOperation(raw);
      return type !== "creating" || !urns.includes(resource.urn);
    });
    const dropped = all.length - kept.length;
    if (dropped === 0) return { text, dropped };
    const list = kept.length === 0 ? undefined : `[${kept.map(rawText).join(",")}]`;
    const edits = new Map<string, string | undefined>([["pending_operations", list]]);
    const edited = editedObject(deployment, inner, edits);
    return { text: editedObject(document, members, new Map([["deployment", edited]])), dropped };
  });
}
