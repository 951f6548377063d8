import type { DeploymentOperation, DeploymentOptions } from "../contract/deployments.ts";
import type { EnvironmentRule, PromoteFrom } from "../contract/promotions.ts";
import type { ReleaseHealth } from "../contract/releases.ts";
import { SlipwayError } from "../errors.ts";

/** Throws `invalid_request` for an order that names a stack twice, or whose first stack would have nothing to take from. */
export function checkOrder(order: readonly EnvironmentRule[]): void {
  const issues = order.flatMap(({ stack, onlyPromoted }, index) => [
    ...(order.findIndex((other) => other.stack === stack) < index
      ? [{ path: `body.stacks.${index}.stack`, message: "has a place already" }]
      : []),
    ...(index === 0 && onlyPromoted
      ? [{ path: "body.stacks.0.onlyPromoted", message: "no stack is before the first one" }]
      : []),
  ]);
  if (issues.length === 0) return;
  throw new SlipwayError("invalid_request", "The order of the stacks cannot be used.", {
    remedy: "Name each stack once; the first one takes its source from the project's folder.",
    details: { issues },
  });
}

/** A stack's place in the order of its project; null: it has none. */
export type Place = { onlyPromoted: boolean; before: string | null } | null;

/**
 * Throws `not_promoted` for an update that a stack does not take: one that is no promotion, or one from another stack than the one before it. `from` is the stack whose release is
 * promoted, null for none.
 */
export function refuseUnpromoted(stack: string, place: Place, from: string | null): void {
  if (place?.onlyPromoted !== true || (from !== null && from === place.before)) return;
  const before = place.before ?? "the stack before it";
  throw new SlipwayError(
    "not_promoted",
    from === null
      ? `${stack} only takes what was promoted from ${before}.`
      : `${stack} takes releases of ${before}, not of ${from}.`,
    { remedy: `Deploy ${before} first; then: slipway promote --stack ${stack} --from ${before}.` },
  );
}

/** Throws `option_not_supported` for an operation that takes no promotion, and for an option without an effect on one. */
export function checkPromote(
  operation: DeploymentOperation,
  promote: PromoteFrom | undefined,
  options: DeploymentOptions,
): void {
  if (promote === undefined) return;
  const takes = operation === "update" || operation === "preview";
  if (takes && options.skipTests === undefined) return;
  const [path, message] = takes
    ? ["body.options.skipTests", "has no effect on a promotion, which runs no tests"]
    : ["body.promote", `has no effect on ${operation}`];
  throw new SlipwayError("option_not_supported", `${path} ${message}.`, {
    remedy: "An update and a preview take a promotion.",
    details: { issues: [{ path, message }] },
  });
}

/** Throws `invalid_request` when a stack would be promoted to itself. */
export function refuseItself(stack: string, from: string): void {
  if (stack !== from) return;
  const message = "is the stack itself";
  throw new SlipwayError("invalid_request", `body.promote.stack ${message}.`, {
    remedy: "Name another stack of the project; to repeat a release of this one, roll back to it.",
    details: { issues: [{ path: "body.promote.stack", message }] },
  });
}

/** What is promoted: a release of another stack. */
export interface PromotionCandidate {
  number: number;
  health: ReleaseHealth;
  /** On the stack that it is a release of. */
  quarantined: boolean;
}

/** The release asked for, else the newest one, whatever its health. Throws `release_not_found`. */
export function requireRelease<Release extends { number: number }>(
  stack: string,
  releases: readonly Release[],
  asked: number | undefined,
): Release {
  const release = asked === undefined ? releases[0] : releases.find(({ number }) => number === asked);
  if (release !== undefined) return release;
  throw new SlipwayError(
    "release_not_found",
    asked === undefined ? `${stack} has no release yet.` : `${stack} has no release ${asked}.`,
    { remedy: `List its releases: slipway releases --stack ${stack}.` },
  );
}

/**
 * The release to promote: the one asked for, else the newest one, since that is what runs there. `releases` are newest first. Throws `release_not_found`, `release_not_good` and
 * `quarantined`.
 */
export function choosePromoted<Release extends PromotionCandidate>(
  stack: string,
  releases: readonly Release[],
  asked: number | undefined,
): Release {
  const release = requireRelease(stack, releases, asked);
  if (release.health !== "good") {
    throw new SlipwayError(
      "release_not_good",
      `Release ${release.number} of ${stack} is ${release.health}, not good.`,
      {
        remedy:
          release.health === "pending"
            ? "Wait until its gates have decided."
            : "Deploy a version that passes its gates, or name a good release.",
      },
    );
  }
  if (release.quarantined) {
    throw new SlipwayError("quarantined", `Release ${release.number} of ${stack} is quarantined there.`, {
      remedy: "Promote another release, or lift the quarantine: slipway quarantine list.",
    });
  }
  return release;
}
