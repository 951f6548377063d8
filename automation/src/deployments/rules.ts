import type { DeploymentOperation, DeploymentOptions, DeploymentStatus } from "../contract/deployments.ts";
import { TERMINAL_STATUSES } from "../contract/deployments.ts";
import { SlipwayError } from "../errors.ts";

type OptionName = keyof DeploymentOptions;

/** Which operation takes which of the engine's options. An option that would have no visible effect is refused. */
export const OPTIONS: Readonly<Record<DeploymentOperation, readonly OptionName[]>> = {
  preview: ["targets", "targetDependents", "replace", "refresh", "parallel"],
  update: ["targets", "targetDependents", "replace", "refresh", "parallel", "skipPreview", "skipTests"],
  refresh: ["targets", "targetDependents", "parallel", "clearPendingCreates"],
  destroy: ["targets", "targetDependents", "refresh", "parallel"],
  // Without targets and replace: a release is gone back to as a whole.
  rollback: ["refresh", "parallel"],
  // Of the whole stack: what was left out would read as clean.
  "detect-drift": ["parallel"],
  // Always with a refresh, and of the whole stack: what the release says is what is to be there again.
  "remediate-drift": ["parallel"],
};

/** Every move of a deployment's status that exists. The table deployment_moves holds the same, and the database refuses any other. */
export const MOVES: Readonly<Record<DeploymentStatus, readonly DeploymentStatus[]>> = {
  // To failed: its source, its artifacts or its stack went away before a worker began.
  // To rejected, expired, stale: what was approved, and waits for a worker, is so no more.
  queued: ["running", "failed", "cancelled", "rejected", "expired", "stale"],
  // To queued: its worker was lost before anything was changed. To rolled_back: a gate failed and the rollback is asked for. To rejected, expired, stale: just before the update.
  running: [
    "queued",
    "waiting_approval",
    "succeeded",
    "failed",
    "cancelled",
    "rejected",
    "expired",
    "stale",
    "interrupted",
    "rolled_back",
  ],
  waiting_approval: ["queued", "cancelled", "rejected", "expired", "stale"],
  succeeded: [],
  failed: [],
  cancelled: [],
  rejected: [],
  expired: [],
  stale: [],
  interrupted: [],
  rolled_back: [],
};

/** Whether a status is one that is never left. */
export function isTerminal(status: DeploymentStatus): boolean {
  return TERMINAL_STATUSES.includes(status);
}

/** Whether a deployment may go from one status to another. */
export function canMove(from: DeploymentStatus, to: DeploymentStatus): boolean {
  return MOVES[from].includes(to);
}

/**
 * Checks an operation with what was asked of it. Throws SlipwayError `option_not_supported` that names every option
 * without an effect, and `invalid_request` for options that contradict each other.
 */
export function checkOptions(
  operation: DeploymentOperation,
  options: DeploymentOptions,
  release: number | undefined,
): void {
  const given = (Object.keys(options) as OptionName[]).filter((name) => options[name] !== undefined);
  const unsupported = given
    .filter((name) => !OPTIONS[operation].includes(name))
    .map((name) => `options.${name}`);
  if (release !== undefined && operation !== "rollback") unsupported.push("release");
  if (unsupported.length > 0) {
    throw new SlipwayError(
      "option_not_supported",
      `The operation '${operation}' does not support ${unsupported.join(", ")}.`,
      {
        remedy: `It takes: ${OPTIONS[operation].join(", ")}${operation === "rollback" ? ", and release" : ""}.`,
        details: {
          issues: unsupported.map((name) => ({
            path: `body.${name}`,
            message: `has no effect on ${operation}`,
          })),
        },
      },
    );
  }
  if (options.targetDependents === true && options.targets === undefined) {
    const message = "needs targets: without them everything is included already";
    throw new SlipwayError("invalid_request", `options.targetDependents ${message}`, {
      details: { issues: [{ path: "body.options.targetDependents", message }] },
    });
  }
}

/** Throws SlipwayError `config_missing` that lists every key which the program needs and nobody has set. */
export function checkRequiredConfig(
  required: readonly string[],
  config: Readonly<Record<string, unknown>>,
): void {
  const missing = required.filter((key) => config[key] === undefined);
  if (missing.length > 0) {
    throw new SlipwayError(
      "config_missing",
      `The program needs config that is not set: ${missing.join(", ")}.`,
      {
        remedy: "Set each with PUT .../config/<key>, or in the stack's Pulumi.<stack>.yaml.",
        details: {
          issues: missing.map((key) => ({
            path: `config.${key}`,
            message: "has neither a value nor a default",
          })),
        },
      },
    );
  }
}

/** What a request to cancel leads to. `ended-now`: nothing runs yet. `asked`: its worker interrupts it. `already-asked`: nothing changes. */
export type CancelDecision = "ended-now" | "asked" | "already-asked";

/** Decides about a cancel. Throws SlipwayError `conflict` when the deployment has ended. */
export function decideCancel(deployment: {
  status: DeploymentStatus;
  cancelRequested: boolean;
}): CancelDecision {
  if (isTerminal(deployment.status)) {
    throw new SlipwayError("conflict", `The deployment has ended already: ${deployment.status}.`, {
      remedy: "Nothing is left to cancel. To undo what it did, request a rollback.",
    });
  }
  if (deployment.status !== "running") return "ended-now";
  return deployment.cancelRequested ? "already-asked" : "asked";
}

/** What the rules of rollback look at in a release. */
export interface RollbackCandidate {
  number: number;
  health: "pending" | "good" | "bad";
  sourceDigest: string;
  configDigest: string;
  quarantined: boolean;
}

/**
 * The release that a rollback goes back to: the one asked for, or the newest good one before the current one that is not
 * the same source and config. `releases` are newest first. Throws `release_not_found` and `release_not_good`.
 */
export function chooseRollbackTarget<Release extends RollbackCandidate>(
  releases: readonly Release[],
  asked: number | undefined,
): Release {
  if (asked !== undefined) return requireGood(releases, asked);
  const [current, ...earlier] = releases;
  const target = earlier.find(
    (release) => release.health === "good" && !release.quarantined && !sameContent(release, current),
  );
  if (target !== undefined) return target;
  throw new SlipwayError("release_not_found", "There is no good release before the current one.", {
    remedy: "Deploy a version that passes its gates first, or name a release.",
  });
}

/**
 * The release whose content undoes drift: the one that the stack runs. An older one would be a rollback, which is somebody else's decision. `releases` are newest first. Throws
 * `release_not_found`, `release_not_good` and `quarantined`.
 */
export function chooseRemediationTarget<Release extends RollbackCandidate>(
  releases: readonly Release[],
): Release {
  const [current] = releases;
  if (current === undefined) {
    throw new SlipwayError("release_not_found", "The stack has no release that could be deployed again.", {
      remedy: "A stack of the Pulumi CLI: pulumi up --refresh. Else deploy it by Slipway first.",
    });
  }
  if (current.health !== "good") {
    throw new SlipwayError(
      "release_not_good",
      `Release ${current.number}, which the stack runs, is ${current.health}, not good.`,
      { remedy: "Wait for its gates, deploy a version that passes them, or roll back." },
    );
  }
  if (current.quarantined) {
    throw new SlipwayError(
      "quarantined",
      `Release ${current.number}, which the stack runs, is quarantined.`,
      {
        remedy: "Deploy another version, or roll back.",
      },
    );
  }
  return current;
}

function requireGood<Release extends RollbackCandidate>(
  releases: readonly Release[],
  asked: number,
): Release {
  const release = releases.find(({ number }) => number === asked);
  if (release === undefined) {
    throw new SlipwayError("release_not_found", `The stack has no release ${asked}.`, {
      remedy: "List its releases and name a good one.",
    });
  }
  if (release.health === "good") return release;
  throw new SlipwayError("release_not_good", `Release ${asked} is ${release.health}, not good.`, {
    remedy: release.health === "pending" ? "Wait until its gates have decided." : "Name a good release.",
  });
}

/** A rollback's own release repeats an older one: going "back" to the same content would change nothing. */
function sameContent(release: RollbackCandidate, current: RollbackCandidate | undefined): boolean {
  return release.sourceDigest === current?.sourceDigest && release.configDigest === current.configDigest;
}
