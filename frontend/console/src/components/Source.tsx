import { Code } from "@mantine/core";
import type { Release } from "@slipway/automation/contract";

const SHORT = 10;

/** The commit of a release, or the digest of its source outside git. */
export function Source({ release }: { release: Pick<Release, "commit" | "dirty" | "sourceDigest"> }) {
  if (release.commit === null)
    return (
      <Code title={release.sourceDigest}>{release.sourceDigest.slice("sha256:".length).slice(0, SHORT)}</Code>
    );
  return (
    <>
      <Code title={release.commit}>{release.commit.slice(0, SHORT)}</Code>
      {release.dirty && " with uncommitted changes"}
    </>
  );
}
