import { createHash } from "node:crypto";
import { missing } from "../access/missing.ts";
import type { Candidate, ChooseCandidate } from "../contract/readiness.ts";
import type { Database } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import { refuseItself, requireRelease } from "../promotions/rules.ts";
import { placeOf } from "../promotions/store.ts";
import type { StackName } from "../stacks/store.ts";
import { referStack } from "../stacks/store.ts";
import type { CandidateFacts } from "./rules.ts";
import type { CandidateRelease } from "./store.ts";
import { findCandidate, releaseFacts } from "./store.ts";

/** What a stack is to take, with the key by which ticks and sign-offs name it. */
export interface ChosenCandidate {
  key: string;
  shown: Candidate;
  facts: CandidateFacts;
}

/** As ticks and sign-offs name another stack's release, and a source. */
export const candidateKey = {
  release: (releaseId: string): string => `release:${releaseId}`,
  source: (digest: string): string => `source:${digest}`,
};

/**
 * The candidate that is asked for: a source, or another stack's release, by default the newest of the stack before this one. Null when nothing is named and there is nothing to take. Throws
 * `not_found`, `release_not_found` and `invalid_request`.
 */
export async function chooseCandidate(
  db: Database,
  target: StackName & { id: string },
  { from, release, source }: ChooseCandidate,
): Promise<ChosenCandidate | null> {
  const before = (await placeOf(db, target.id))?.before ?? null;
  if (source !== undefined) {
    if (from !== undefined || release !== undefined) throw twoCandidates();
    const stackBefore = before === null ? undefined : await referStack(db, { ...target, stack: before });
    const ran = stackBefore && (await findCandidate(db, stackBefore.id, { sourceDigest: source }));
    return {
      key: candidateKey.source(source),
      shown: { kind: "source", sourceDigest: source },
      facts: { release: releaseFacts(ran), before },
    };
  }
  const stack = from ?? before;
  if (stack === null) {
    if (release === undefined) return null;
    throw new SlipwayError(
      "invalid_request",
      "It is not known whose release is meant: no stack is before it.",
      {
        remedy: "Name the stack too, or set the order: slipway environments set.",
        details: { issues: [{ path: "from", message: "is needed" }] },
      },
    );
  }
  refuseItself(target.stack, stack);
  const name = { ...target, stack };
  const other = await referStack(db, name);
  if (other === undefined) throw missing.stack(name);
  const found = await findCandidate(db, other.id, { number: release });
  if (found === undefined && from === undefined && release === undefined) return null;
  const chosen = requireRelease(stack, found === undefined ? [] : [found], release);
  return {
    key: candidateKey.release(chosen.id),
    shown: {
      kind: "release",
      stack,
      release: chosen.number,
      sourceDigest: chosen.sourceDigest,
      artifactsDigest: artifactsDigest(chosen),
    },
    facts: { release: releaseFacts(chosen), before },
  };
}

/** Over names and digests of what a release pins, which are listed by name. */
function artifactsDigest({ artifacts }: Pick<CandidateRelease, "artifacts">): string {
  const text = JSON.stringify(artifacts.map(({ name, digest }) => [name, digest]));
  return `sha256:${createHash("sha256").update(text).digest("hex")}`;
}

function twoCandidates(): SlipwayError {
  const message = "names another candidate than the release";
  return new SlipwayError("invalid_request", "A source and a release cannot both be meant.", {
    details: { issues: [{ path: "source", message }] },
  });
}
