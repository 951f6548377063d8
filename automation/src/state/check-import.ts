import { SlipwayError } from "../errors.ts";
import { checkState } from "./journal/check-state.ts";
import { isAbsent, membersOf, rawText, stringOf } from "./journal/raw-json.ts";
import { stringMember } from "./journal/resource.ts";
import { readStateDocument, type Snapshot } from "./journal/state-document.ts";
import { urnParts } from "./journal/urn.ts";

/** What is known of a state that a person brings, once it is found good. */
export interface CheckedImport {
  /** Of all resources, the stack's own and providers included. */
  resourceCount: number;
  /** One value that a service has sealed, in base64: its backend must be able to open it. Null when there is none. */
  sealedByService: string | null;
}

const CIPHERTEXT = /"ciphertext"\s*:\s*"([A-Za-z0-9+/=]+)"/;

/**
 * Checks the JSON text of a state that replaces a stack's state: its form, and that every resource has a URN that fits its type. Pure, and blocks: large ones belong
 * on a thread. Throws SlipwayError `invalid_state`.
 */
export function checkImport(text: string): CheckedImport {
  const { resourceCount } = checkState(text);
  const { snapshot } = readStateDocument(text);
  const all = [...snapshot.resources, ...snapshot.operations.map(({ resource }) => resource)];
  for (const resource of all) {
    const type = stringMember(resource, "type");
    const parts = urnParts(resource.urn);
    if (parts === undefined) throw invalid(`"${shown(resource.urn)}" is no URN`);
    if (parts.type !== type) throw invalid(`the type of ${shown(resource.urn)} is "${shown(type)}"`);
  }
  const sealed = secretsProviderOf(snapshot) === "service" ? CIPHERTEXT.exec(text)?.[1] : undefined;
  return { resourceCount, sealedByService: sealed ?? null };
}

function secretsProviderOf({ members }: Snapshot): string | null {
  const provider = members.get("secrets_providers");
  if (isAbsent(provider) || !rawText(provider).startsWith("{")) return null;
  const type = membersOf(provider).get("type");
  return isAbsent(type) || !rawText(type).startsWith('"') ? null : stringOf(type);
}

const SHOWN_CHARACTERS = 200;

function shown(text: string): string {
  return text.slice(0, SHOWN_CHARACTERS);
}

function invalid(what: string): SlipwayError {
  return new SlipwayError("invalid_state", `The state cannot be used: ${what}.`, {
    remedy: "Bring one that pulumi stack export has written.",
  });
}
