import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { missing } from "../access/missing.ts";
import type { ContentStore } from "../artifacts/content-store.ts";
import type { PromoteFrom } from "../contract/promotions.ts";
import type { Database } from "../database.ts";
import { adoptCommittedConfig } from "../deployments/committed-secrets.ts";
import { refuseForeignState } from "../deployments/foreign-state.ts";
import { requiredBy } from "../deployments/required-config.ts";
import type { RequestedSource } from "../deployments/source.ts";
import type { Keyring } from "../secrets/keyring.ts";
import { extractSource } from "../sources/extract.ts";
import { committedConfig } from "../sources/project-files.ts";
import type { StackName } from "../stacks/store.ts";
import { referStack } from "../stacks/store.ts";
import { choosePromoted, refuseItself } from "./rules.ts";
import type { PromotableRelease } from "./store.ts";
import { readPromotable } from "./store.ts";

/** What a deployment takes over from another stack. */
export interface Promotion {
  stack: string;
  release: number;
  releaseId: string;
}

export interface PromotionOptions {
  db: Database;
  keyring: Keyring;
  artifacts: ContentStore;
}

/** The release that a promotion asks for. Throws `not_found` for a stack that is not there, `release_not_found`, `release_not_good` and `quarantined`. */
export async function requestedRelease(
  db: Database,
  target: StackName,
  { stack, release }: PromoteFrom,
): Promise<PromotableRelease> {
  refuseItself(target.stack, stack);
  const name = { ...target, stack };
  const from = await referStack(db, name);
  if (from === undefined) throw missing.stack(name);
  return choosePromoted(stack, await readPromotable(db, from.id, release), release);
}

/**
 * The source of a release with the config that it holds for another stack: what its archive says for that one, not what the release ran with. Only the artifact store is asked: folder,
 * git and registries may be gone. Throws the problems of `requestedRelease` and of sources/.
 */
export async function promotedSource(
  { db, keyring, artifacts }: PromotionOptions,
  target: StackName & { id: string },
  promote: PromoteFrom,
): Promise<{ source: RequestedSource; promotion: Promotion }> {
  const release = await requestedRelease(db, target, promote);
  const stack = { id: target.id, name: target.stack };
  await refuseForeignState(db, keyring, stack);
  const { sourceDigest, lockfileDigest, commit, dirty } = release;
  const folder = await mkdtemp(path.join(tmpdir(), "slipway-promotion-"));
  try {
    const files = await extractSource(artifacts, sourceDigest, path.join(folder, "source"));
    const config = await adoptCommittedConfig(keyring, db, stack, committedConfig(files, stack.name));
    return {
      source: {
        sourceDigest,
        lockfileDigest,
        commit,
        dirty,
        config,
        sizeBytes: null,
        required: requiredBy(files),
      },
      promotion: { stack: promote.stack, release: release.number, releaseId: release.id },
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
