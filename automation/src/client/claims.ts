/** What the Pulumi CLI says of itself and of the folder it runs in, read from its metadata. Nobody checked any of it. */
export interface Claims {
  readonly commit: string | null;
  readonly branch: string | null;
  /** The tree had changes that no commit has. Null: it did not say. */
  readonly dirty: boolean | null;
  readonly author: string | null;
  readonly repository: string | null;
  readonly ciSystem: string | null;
  /** An address, and nothing but http or https: it becomes a link. */
  readonly ciUrl: string | null;
  readonly pullRequest: string | null;
}

/** The CLI's own keys for them. Source: pkg/backend/updates.go at 3.250.0. */
export function readClaims(claimed: Readonly<Record<string, string>>): Claims {
  const of = (key: string) => claimed[key] || null;
  const [owner, repository, url] = [of("vcs.owner"), of("vcs.repo"), of("ci.build.url")];
  return {
    commit: of("git.head"),
    branch: of("git.headName")?.replace(/^refs\/heads\//, "") ?? null,
    dirty: claimed["git.dirty"] === undefined ? null : claimed["git.dirty"] === "true",
    author: of("git.author") ?? of("git.committer"),
    repository: repository === null ? null : owner === null ? repository : `${owner}/${repository}`,
    ciSystem: of("ci.system"),
    ciUrl: url !== null && /^https?:\/\//i.test(url) && URL.canParse(url) ? url : null,
    pullRequest: of("ci.pr.number"),
  };
}

const SHORT_COMMIT = 10;

/** The claims in one line, `commit 0123456789 of main with uncommitted changes, in GitHub Actions`; null when there are none. */
export function describeClaims(claimed: Readonly<Record<string, string>>): string | null {
  const { commit, branch, dirty, repository, ciSystem, pullRequest } = readClaims(claimed);
  const source = [
    commit === null ? null : `commit ${commit.slice(0, SHORT_COMMIT)}`,
    branch === null ? null : `${commit === null ? "branch" : "of"} ${branch}`,
    repository === null ? null : `${commit === null && branch === null ? "repository" : "of"} ${repository}`,
    dirty === true ? "with uncommitted changes" : null,
  ].filter((part) => part !== null);
  const parts = [
    source.length === 0 ? null : source.join(" "),
    ciSystem === null ? null : `in ${ciSystem}`,
    pullRequest === null ? null : `for pull request ${pullRequest}`,
  ].filter((part) => part !== null);
  return parts.length === 0 ? null : parts.join(", ");
}

/** Version of the CLI in its User-Agent, `pulumi-cli/1 (v3.250.0; linux; cmd=up)`: `Pulumi 3.250.0`; else what it sent. */
export function describeClient(client: string): string {
  const version = /^pulumi-cli\/\S+ \(v([^;)\s]+)/.exec(client)?.[1];
  return version === undefined ? client : `Pulumi ${version}`;
}
