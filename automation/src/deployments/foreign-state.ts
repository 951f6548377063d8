import type { Database } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import type { Keyring } from "../secrets/keyring.ts";
import { isAbsent, membersOf, rawText, stringOf, wholeValue } from "../state/journal/raw-json.ts";
import { currentState } from "../state/states-store.ts";

/** Providers of secrets that an engine of ours can use: the backend itself. Any other needs a key that only people have. */
const OWN = "service";
const MEMBER = '"secrets_providers"';
const OWN_PROVIDER = `${MEMBER}:{"type":"${OWN}"`;
/** Forgetting one costs reading the state once more. */
const MAX_REMEMBERED = 1_000;
/** By stack: of its newest state, which is never changed. */
const remembered = new Map<string, { number: number; provider: string | null }>();

/**
 * Throws SlipwayError `source_invalid` when the secrets in a stack's state are sealed by a passphrase or a cloud's key: a run would stop half-way into its start
 * with a message that helps nobody.
 */
export async function refuseForeignState(
  db: Database,
  keyring: Keyring,
  stack: { id: string; name: string },
): Promise<void> {
  const provider = await providerOf(db, keyring, stack.id);
  if (provider === null || provider === OWN) return;
  throw new SlipwayError(
    "source_invalid",
    `The secrets in the state of ${stack.name} are sealed by a key that Slipway does not have (${provider}).`,
    {
      remedy: `Run 'pulumi stack change-secrets-provider default --stack ${stack.name}' where the key is, and commit Pulumi.${stack.name}.yaml.`,
    },
  );
}

async function providerOf(db: Database, keyring: Keyring, stackId: string): Promise<string | null> {
  const newest = await db
    .selectFrom("states")
    .select("number")
    .where("stack_id", "=", stackId)
    .orderBy("number", "desc")
    .limit(1)
    .executeTakeFirst();
  if (newest === undefined) return null;
  const known = remembered.get(stackId);
  if (known?.number === newest.number) return known.provider;
  const state = await currentState(db, keyring, stackId);
  if (state === null) return null;
  const provider = secretsProviderOf(state.text);
  if (remembered.size >= MAX_REMEMBERED) remembered.clear();
  remembered.set(stackId, { number: state.number, provider });
  return provider;
}

/** Type of the secrets provider in a state's text; null when there is none. Throws SlipwayError `invalid_json`. */
export function secretsProviderOf(text: string): string | null {
  // Of a large state nearly always right, and a hundred times faster than reading it.
  const at = text.indexOf(MEMBER);
  if (at < 0) return null;
  if (text.startsWith(OWN_PROVIDER, at) && text.indexOf(MEMBER, at + 1) < 0) return OWN;
  const deployment = membersOf(wholeValue(text)).get("deployment");
  const provider = isAbsent(deployment) ? undefined : membersOf(deployment).get("secrets_providers");
  const type = isAbsent(provider) ? undefined : membersOf(provider).get("type");
  return isAbsent(type) || !rawText(type).startsWith('"') ? null : stringOf(type);
}
