import type { Release } from "@slipway/automation/contract";

type Known = Pick<Release, "number" | "health" | "quarantined" | "sourceDigest" | "configDigest">;

/** A release that a stack can go back to. */
export interface RollbackChoice<One> {
  readonly release: One;
  /** It was made of what runs: a rollback may have brought it back, and going there changes nothing. */
  readonly runs: boolean;
}

/** The releases that a stack can go back to, newest first, those that would change something before those that would not. `releases` are newest first. */
export function rollbackChoices<One extends Known>(
  releases: readonly One[],
  currentRelease: number | null,
): RollbackChoice<One>[] {
  const current = releases.find(({ number }) => number === currentRelease);
  const choices = releases
    .filter((one) => one.health === "good" && !one.quarantined && one.number !== currentRelease)
    .map((release) => ({
      release,
      runs: release.sourceDigest === current?.sourceDigest && release.configDigest === current.configDigest,
    }));
  return choices.toSorted((a, b) => Number(a.runs) - Number(b.runs));
}
