import type { PromotionPreview } from "../contract/promotions.ts";
import type { StoredConfig } from "../database/tables.ts";

/** What two releases are compared by. */
export interface ComparedRelease {
  sourceDigest: string;
  lockfileDigest: string | null;
  config: StoredConfig;
  artifacts: readonly { name: string; digest: string }[];
  pulumiVersion: string;
  plugins: readonly { name: string; version: string | null }[];
}

type Differences = Pick<
  PromotionPreview,
  "sameSource" | "sameLockfile" | "artifacts" | "config" | "versions"
>;

/** What a promoted release differs in from what runs on the stack that takes it; all of it is new to a stack without a release. */
export function compareReleases(
  promoted: ComparedRelease,
  current: ComparedRelease | undefined,
): Differences {
  return {
    sameSource: current?.sourceDigest === promoted.sourceDigest,
    sameLockfile: current !== undefined && current.lockfileDigest === promoted.lockfileDigest,
    artifacts: unionOf(namesOf(promoted.artifacts), namesOf(current?.artifacts ?? [])).map((name) => {
      const [to, from] = [promoted, current].map(
        (release) => release?.artifacts.find((one) => one.name === name)?.digest,
      );
      return {
        name,
        change:
          to === undefined ? "removed" : from === undefined ? "added" : to === from ? "same" : "changed",
      };
    }),
    config: current === undefined ? [] : configDifferences(promoted.config, current.config),
    versions: versionDifferences(promoted, current),
  };
}

/** In the words of the stack that takes: `added` is a key that only the promoted release has. Equal secrets of two stacks have different ciphertexts, so that only their being there is compared. */
function configDifferences(promoted: StoredConfig, current: StoredConfig): Differences["config"] {
  return unionOf(Object.keys(promoted), Object.keys(current)).flatMap((key): Differences["config"] => {
    const [to, from] = [promoted[key], current[key]];
    const secret = to?.secret === true || from?.secret === true;
    if (to === undefined) return [{ key, secret, change: "removed" }];
    if (from === undefined) return [{ key, secret, change: "added" }];
    if (to.secret && from.secret) return [];
    if (!to.secret && !from.secret && to.value === from.value) return [];
    return [{ key, secret, change: "changed" }];
  });
}

function versionDifferences(
  promoted: ComparedRelease,
  current: ComparedRelease | undefined,
): Differences["versions"] {
  const of = (release: ComparedRelease | undefined): Map<string, string | null> =>
    new Map(
      release === undefined
        ? []
        : [
            ["pulumi", release.pulumiVersion],
            ...release.plugins.map(({ name, version }): [string, string | null] => [name, version]),
          ],
    );
  const [to, from] = [of(promoted), of(current)];
  return unionOf([...to.keys()], [...from.keys()])
    .map((name) => ({ name, from: from.get(name) ?? null, to: to.get(name) ?? null }))
    .filter((version) => version.from !== version.to);
}

function namesOf(artifacts: ComparedRelease["artifacts"]): string[] {
  return artifacts.map(({ name }) => name);
}

function unionOf(some: readonly string[], others: readonly string[]): string[] {
  return [...new Set([...some, ...others])].sort();
}
