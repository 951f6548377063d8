import { requestersOf } from "../approvals/requesters-store.ts";
import type { UpdateKind } from "../contract/updates.ts";
import type { Database } from "../database.ts";
import { refuseUnsignedChange } from "./rules.ts";
import { deploymentCandidate, standingOf } from "./store.ts";

/** A change that somebody asks for. Only an update brings something new: a rollback, a refresh and a remediation go by what was good here. */
export interface UnsignedQuestion {
  operation: string;
  /** Of the release that is promoted; null: none is. */
  promotedFrom: string | null;
  sourceDigest: string | null;
  principal: string;
  emergency: boolean;
}

/** Throws `sign_off_missing` for an update of a stack that only takes what was signed off. Asked again when it begins, then with everybody who has a part in it. */
export async function refuseUnsigned(db: Database, stackId: string, asked: UnsignedQuestion): Promise<void> {
  const { operation, promotedFrom, sourceDigest, principal, emergency } = asked;
  if (operation !== "update" || emergency || sourceDigest === null) return;
  const candidate = promotedFrom === null ? `source:${sourceDigest}` : `release:${promotedFrom}`;
  const { stack, ...standing } = await standingOf(db, stackId, { candidate, sourceDigest });
  refuseUnsignedChange(stack, { ...standing, parts: new Set([principal]) });
}

/** Throws `sign_off_missing` for a deployment whose sign-off is gone, or was given by somebody with a part in it. Asked when the change begins: build, preview and votes take their time. */
export async function refuseUnsignedDeployment(
  db: Database,
  deploymentId: string,
  { emergency }: { emergency: boolean },
): Promise<void> {
  const about = emergency ? undefined : await deploymentCandidate(db, deploymentId);
  if (about?.operation !== "update") return;
  const { stack, ...standing } = await standingOf(db, about.stackId, about);
  if (!standing.required) return;
  const parts = await requestersOf(db, deploymentId, []);
  refuseUnsignedChange(stack, { ...standing, parts: new Set(parts.map(({ principal }) => principal)) });
}

/** Throws `sign_off_missing` for a run of the Pulumi CLI that would bring a stack what nobody has signed off. */
export async function refuseUnsignedRun(db: Database, stackId: string, kind: UpdateKind): Promise<void> {
  if (kind !== "update" && kind !== "import") return;
  const { stack, required } = await standingOf(db, stackId, { candidate: null, sourceDigest: null });
  refuseUnsignedChange(stack, { required, repeats: false, signOffs: [], parts: new Set() });
}
