import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { ContentStore } from "../artifacts/content-store.ts";
import type { Database } from "../database.ts";
import { adoptCommittedConfig } from "../deployments/committed-secrets.ts";
import { refuseForeignState } from "../deployments/foreign-state.ts";
import { requiredBy } from "../deployments/required-config.ts";
import type { RequestedSource } from "../deployments/source.ts";
import { choosePromoted } from "../promotions/rules.ts";
import type { Promotion } from "../promotions/source.ts";
import { readPromotable } from "../promotions/store.ts";
import type { Keyring } from "../secrets/keyring.ts";
import { extractSource } from "../sources/extract.ts";
import { committedConfig } from "../sources/project-files.ts";
import { promotedFrom } from "./store.ts";

/**
 * What the stack's newest release was made from, so that a deployment of it changes nothing but what the config of now says: the project's folder, which may have moved on, is not looked at.
 * On a stack that only takes promotions it is the promotion that brought it. Throws `release_not_found`, `release_not_good` and `quarantined`.
 */
export async function runningSource(
  { db, keyring, artifacts }: { db: Database; keyring: Keyring; artifacts: ContentStore },
  stack: { id: string; name: string },
): Promise<{ source: RequestedSource; promotion: Promotion | null }> {
  const release = choosePromoted(stack.name, await readPromotable(db, stack.id, undefined), undefined);
  await refuseForeignState(db, keyring, stack);
  const { sourceDigest, lockfileDigest, commit, dirty } = release;
  const folder = await mkdtemp(path.join(tmpdir(), "slipway-refresh-"));
  try {
    const files = await extractSource(artifacts, sourceDigest, path.join(folder, "source"));
    const config = await adoptCommittedConfig(keyring, db, stack, committedConfig(files, stack.name));
    const required = requiredBy(files);
    return {
      source: { sourceDigest, lockfileDigest, commit, dirty, config, sizeBytes: null, required },
      promotion: await promotedFrom(db, stack.id, sourceDigest),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
