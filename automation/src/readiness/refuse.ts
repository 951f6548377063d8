import type { UpdateKind } from "../contract/updates.ts";
import type { Database } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import { bringsNews } from "./asked-store.ts";
import { refuseUnnamed } from "./rules.ts";
import { readSettings } from "./store.ts";

/** Throws `approval_required` for an update without a preview that has to wait for a sign-off: nothing would be sealed that could wait. */
export async function refuseUnsealed(
  db: Database,
  stackId: string,
  { operation, sourceDigest }: { operation: string; sourceDigest: string | null },
): Promise<void> {
  if (operation !== "update" || sourceDigest === null) return;
  if (!(await bringsNews(db, stackId, sourceDigest))) return;
  const message = "is not possible on a stack that waits for a sign-off";
  throw new SlipwayError(
    "approval_required",
    "The preview cannot be skipped: the stack only takes what was signed off.",
    {
      remedy: "Leave out options.skipPreview (--skip-preview): what waits is what the preview says.",
      details: { issues: [{ path: "body.options.skipPreview", message }] },
    },
  );
}

/** Throws `sign_off_missing` for a run of the Pulumi CLI that would bring a stack what nobody has signed off. */
export async function refuseUnsignedRun(db: Database, stackId: string, kind: UpdateKind): Promise<void> {
  if (kind !== "update" && kind !== "import") return;
  if (!(await readSettings(db, stackId)).required) return;
  const { name } = await db
    .selectFrom("stacks")
    .select("name")
    .where("id", "=", stackId)
    .executeTakeFirstOrThrow();
  refuseUnnamed(name);
}
