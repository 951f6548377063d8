import { createHash } from "node:crypto";
import { SECRET_SLOTS } from "../contract/aws/secret-slots.ts";
import type { SecretSlotState } from "../contract/secret-versions.ts";
import { SlipwayError } from "../errors.ts";

/** A version of a slot's secret that somebody has put. */
export interface PutVersion {
  slot: string;
  arn: string;
  versionId: string;
}

/** A recorded version with who put it. */
export interface RecordedVersion extends PutVersion {
  putAt: Date;
  putBy: string;
}

/** Digits of an epoch: enough that two sets of versions never share one. */
const EPOCH_DIGITS = 16;

/** The epoch of a set of versions: the same versions have the same one, whoever records them again. */
export function epochOf(versions: readonly Pick<PutVersion, "slot" | "versionId">[]): string {
  const lines = versions.map(({ slot, versionId }) => `${slot} ${versionId}`).sort();
  return createHash("sha256").update(lines.join("\n")).digest("hex").slice(0, EPOCH_DIGITS);
}

/** Every slot that a stack has, or that the list of slots knows, with the version that was put last. */
export function slotStates(
  arns: Readonly<Record<string, string>>,
  recorded: readonly RecordedVersion[],
): SecretSlotState[] {
  const known = new Map<string, Pick<SecretSlotState, "title" | "kind">>(
    SECRET_SLOTS.map(({ name, title, kind }) => [name, { title, kind }]),
  );
  return [...known].map(([slot, { title, kind }]) => {
    const arn = arns[slot] ?? null;
    // Of a secret that was made anew since, what was put into the old one says nothing.
    const version = recorded.find((one) => one.slot === slot && one.arn === arn);
    return {
      slot,
      title,
      kind,
      arn,
      versionId: version?.versionId ?? null,
      putAt: version?.putAt.toISOString() ?? null,
      putBy: version?.putBy ?? null,
    };
  });
}

/** Throws `invalid_request` for versions of secrets that are not the stack's: what is recorded would say that its slots are filled. */
export function checkOwnSecrets(
  arns: Readonly<Record<string, string>>,
  versions: readonly PutVersion[],
): void {
  const issues = versions.flatMap(({ slot, arn }, index) =>
    Object.hasOwn(arns, slot) && arns[slot] === arn
      ? []
      : [{ path: `body.versions.${index}.arn`, message: `is not the stack's secret of the slot ${slot}` }],
  );
  if (issues.length === 0) return;
  throw new SlipwayError("invalid_request", "Not all of these are secrets of the stack.", {
    remedy: "The manifest of its newest release names them: slipway secrets list.",
    details: { issues },
  });
}
