import { stat } from "node:fs/promises";
import path from "node:path";
import type { ContentStore } from "../artifacts/content-store.ts";
import type { DeploymentOperation } from "../contract/deployments.ts";
import type { StoredConfig } from "../database/tables.ts";
import type { Database } from "../database.ts";
import { SlipwayError, systemCode } from "../errors.ts";
import type { Keyring } from "../secrets/keyring.ts";
import type { CommitAuthor } from "../sources/git.ts";
import { commitAuthors } from "../sources/git.ts";
import type { ProjectFiles } from "../sources/project-files.ts";
import { committedConfig } from "../sources/project-files.ts";
import { snapshotSource } from "../sources/snapshot.ts";
import { readStoredConfig } from "../stacks/config-store.ts";
import { adoptCommittedConfig } from "./committed-secrets.ts";
import type { DeploymentContent } from "./contents-store.ts";
import { findLastContent, lastGoodCommit } from "./contents-store.ts";
import { refuseForeignState } from "./foreign-state.ts";
import { requiredBy } from "./required-config.ts";
import { checkRequiredConfig } from "./rules.ts";

/** The source that a deployment runs, before the server's config is laid over it. */
export interface RequestedSource extends Omit<DeploymentContent, "configDigest"> {
  /** Null: it is in the artifact store's table already. */
  sizeBytes: number | null;
  /** Config keys that the program needs a value for. */
  required: readonly string[];
  /** Who wrote its commits since the stack's last good release; left out when that is known of the source, or nobody can know. */
  authors?: readonly CommitAuthor[];
}

export interface SourceOptions {
  db: Database;
  keyring: Keyring;
  artifacts: ContentStore;
  projectRoots: readonly string[];
}

/**
 * Takes the source of a deployment from the project's folder. A destroy or a refresh whose folder is gone takes what the stack was last
 * deployed from, so that nothing is left behind for ever. Throws the problems of sources/.
 */
export async function requestedSource(
  { db, keyring, artifacts, projectRoots }: SourceOptions,
  operation: DeploymentOperation,
  stack: { id: string; name: string; folder: string | null },
): Promise<RequestedSource> {
  const { folder } = stack;
  const last =
    (operation === "destroy" || operation === "refresh") && (folder === null || (await isGone(folder)))
      ? await findLastContent(db, stack.id)
      : undefined;
  if (last !== undefined) {
    await refuseForeignState(db, keyring, stack);
    return { ...last, sizeBytes: null, required: [] };
  }

  if (folder === null) {
    throw new SlipwayError(
      "source_invalid",
      "The project has no folder on the server: the Pulumi CLI made it.",
      {
        remedy: "Register its folder: slipway projects create --folder <folder>.",
      },
    );
  }
  const configOf = (files: ProjectFiles): Promise<StoredConfig> =>
    adoptCommittedConfig(keyring, db, stack, committedConfig(files, stack.name));
  const snapshot = await snapshotSource({
    folder,
    allowedRoots: projectRoots,
    artifacts,
    // Looked at again under the stack's lock; here, so that a request which will be refused leaves no archive behind.
    accept: async (files) => {
      const committed = await configOf(files);
      // After the file, which says more of what to do.
      await refuseForeignState(db, keyring, stack);
      checkRequiredConfig(requiredBy(files), { ...committed, ...(await readStoredConfig(db, stack.id)) });
    },
  });
  const required = requiredBy(snapshot);
  const { digest, sizeBytes, lockfileDigest, commit, dirty } = snapshot;
  const config = await configOf(snapshot);
  const authors =
    commit === null ? [] : await commitAuthors(folder, { commit, since: await lastGoodCommit(db, stack.id) });
  return { sourceDigest: digest, sizeBytes, lockfileDigest, commit, dirty, config, required, authors };
}

async function isGone(folder: string): Promise<boolean> {
  try {
    await stat(path.join(folder, "Pulumi.yaml"));
    return false;
  } catch (error) {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return true;
    throw error;
  }
}
