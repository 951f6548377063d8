import { createRequester } from "../../automation/src/aws/validation/request.ts";
import { FunctionHealth } from "../../automation/src/contract/aws/function-health.ts";
import { AwsManifest } from "../../automation/src/contract/aws/manifest.ts";
import { SecretVersions } from "../../automation/src/contract/secret-versions.ts";
import { done, type Person } from "./people.ts";

const ASKED_WITHIN_MS = 60_000;

/**
 * Asks every function of a stack which versions of its secrets it reads, as `slipway secrets verify` does; but by names that are known to the stand-in alone. Answers how many functions read each slot.
 * Throws when one of them does not read the version that was put last, or when nobody reads a slot.
 */
export async function readersOf(
  owner: Person,
  stack: string,
  connectTo: Readonly<Record<string, string>>,
): Promise<Record<string, number>> {
  const { outputs } = await done(owner.ask("GET", `${stack}/outputs`));
  const { api, functions } = AwsManifest.parse((outputs as { manifest: unknown }).manifest);
  const { items } = SecretVersions.parse(await done(owner.ask("GET", `${stack}/secrets`)));
  // Of a slot that this stack does not have there is nothing to read.
  const slots = items.filter(({ arn }) => arn !== null);
  const newest = new Map(slots.map(({ slot, versionId }) => [slot, versionId]));
  const readers: Record<string, number> = Object.fromEntries(slots.map(({ slot }) => [slot, 0]));
  const request = createRequester({ extraCa: null, connectTo, signal: AbortSignal.timeout(ASKED_WITHIN_MS) });
  for (const [name, { healthPath }] of Object.entries(functions)) {
    const { text } = await request(`${api.url}${healthPath}`);
    for (const { slot, versionId } of FunctionHealth.parse(JSON.parse(text)).secrets) {
      if (versionId === null || versionId !== newest.get(slot))
        throw new Error(`${name} does not read the newest version of ${slot}`);
      readers[slot] = (readers[slot] ?? 0) + 1;
    }
  }
  const unread = Object.keys(readers).filter((slot) => readers[slot] === 0);
  if (unread.length > 0) throw new Error(`nobody reads ${unread.join(", ")}`);
  return readers;
}
