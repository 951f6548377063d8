import type { Database } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import { readPolicySet } from "./store.ts";

/** Throws SlipwayError `policies_required` when a stack must satisfy policies: whatever changes it on another way than by a deployment would not be looked at. `what`: in words, as the subject of the sentence. */
export async function refuseUnchecked(db: Database, stackId: string, what: string): Promise<void> {
  const { rules } = await readPolicySet(db, stackId);
  const binding = rules.filter(({ level }) => level !== "advisory");
  if (binding.length === 0) return;
  const names = [
    ...new Set(binding.map(({ kind, pack }) => (pack === null ? kind : `${pack.name} ${pack.version}`))),
  ];
  throw new SlipwayError(
    "policies_required",
    `${what} cannot change the stack: it must satisfy ${names.join(", ")}, and only a deployment is held to that.`,
    { remedy: "Look with pulumi preview, and change the stack by a deployment: slipway deploy." },
  );
}
