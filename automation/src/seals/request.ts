import type { DeploymentOptions } from "../contract/deployments.ts";
import type { Transaction } from "../database.ts";
import type { DeployedContent } from "../deployments/contents-store.ts";
import { DEFAULT_PARALLEL } from "../engine/pulumi-arguments.ts";
import { SlipwayError } from "../errors.ts";
import type { Keyring } from "../secrets/keyring.ts";
import { describeMoved } from "./moved-words.ts";
import type { SealFacts } from "./rules.ts";
import { movedItems } from "./rules.ts";
import { presentFacts } from "./stale.ts";
import { findSeal } from "./store.ts";

/** The options that a seal is of, as they are passed to the CLI. */
export function sealedOptions(options: DeploymentOptions): SealFacts["options"] {
  const { targets, targetDependents, replace, refresh, parallel, skipTests, clearPendingCreates } = options;
  return {
    refresh: refresh === true,
    parallel: parallel ?? DEFAULT_PARALLEL,
    ...(targets === undefined ? {} : { targets }),
    ...(targetDependents === undefined ? {} : { targetDependents }),
    ...(replace === undefined ? {} : { replace }),
    ...(skipTests === undefined ? {} : { skipTests }),
    ...(clearPendingCreates === undefined ? {} : { clearPendingCreates }),
  };
}

/** The operation that a seal is of. A preview is one of an update: whoever has seen it has seen what the update does. */
export function sealedOperation(operation: string): string {
  return operation === "preview" ? "update" : operation;
}

/**
 * Finds the seal that a request wants to be held to. Answers the deployment that it is of. Throws SlipwayError `stale` when the stack has no such seal, or when what can be seen without a preview has
 * moved since.
 */
export async function requestedSeal(
  trx: Transaction,
  keyring: Keyring,
  stackId: string,
  digest: string,
  asked: { operation: string; options: DeploymentOptions; content: DeployedContent },
): Promise<string> {
  const { operation, options } = asked;
  if (operation === "detect-drift" || options.skipPreview === true) {
    const message = "needs a preview to compare with";
    throw new SlipwayError("invalid_request", `seal ${message}.`, {
      details: { issues: [{ path: "body.seal", message }] },
    });
  }
  const found = await findSeal(trx, stackId, digest);
  if (found === undefined) {
    throw new SlipwayError("stale", "No preview of this stack has that seal.", {
      remedy: "GET /v1/deployments/<id>/seal of a preview tells its digest.",
    });
  }
  const { content } = asked;
  const moved = movedItems(found.items, {
    operation: sealedOperation(operation),
    options: sealedOptions(options),
    source: content.sourceDigest,
    lockfile: content.lockfileDigest,
    config: content.configDigest,
    ...(await presentFacts(trx, keyring, stackId)),
  });
  if (moved.length > 0) {
    throw new SlipwayError("stale", describeMoved(moved), {
      remedy: "Nothing was changed. Preview it again, and ask for what that shows.",
      details: { moved },
    });
  }
  return found.deploymentId;
}
