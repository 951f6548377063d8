import type { PlannedStep } from "../contract/previews.ts";
import type { Database } from "../database.ts";
import type { Keyring } from "../secrets/keyring.ts";
import { readPreview } from "./previews-store.ts";

/** The steps of a deployment's newest preview, at most cap-steps.ts's MAX_STEPS; null before it. Throws SlipwayError `secret_unreadable`. */
export async function readSteps(
  db: Database,
  keyring: Keyring,
  deploymentId: string,
): Promise<readonly PlannedStep[] | null> {
  return (await readPreview(db, keyring, deploymentId))?.steps ?? null;
}
