import type { PromotionPreview } from "@slipway/automation/contract";

/** Digits of a commit or a digest that people compare. */
const SHORT = 10;
const CONFIG = { changed: "differs", added: "is not set there", removed: "is only set there" } as const;

/** What a promotion changes on the stack that takes it, one sentence each; at least one. */
export function differencesOf(preview: PromotionPreview, target: string): string[] {
  const { current, from } = preview;
  if (current === null) return [`${target} has no release yet: everything is new there.`];
  const lines = [
    ...(preview.sameSource
      ? []
      : [`Source ${sourceOf(from)} in place of ${sourceOf(current)} (its release ${current.release}).`]),
    ...(preview.sameLockfile ? [] : ["Other dependencies (the lockfile differs)."]),
    ...preview.artifacts
      .filter(({ change }) => change !== "same")
      .map(({ name, change }) => `Artifact ${name}: ${change}.`),
    ...preview.config.map(
      ({ key, secret, change }) =>
        `Config ${key}${secret ? " (secret)" : ""} ${CONFIG[change]}; ${target} keeps its own.`,
    ),
    ...preview.versions.map((one) => `${one.name}: ${one.from ?? "none"} to ${one.to ?? "none"}.`),
  ];
  return lines.length > 0 ? lines : [`Nothing: ${target} runs the same already.`];
}

function sourceOf({ commit, sourceDigest }: { commit: string | null; sourceDigest: string }): string {
  return (commit ?? sourceDigest.slice("sha256:".length)).slice(0, SHORT);
}
