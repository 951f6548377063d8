import { Release } from "../../automation/src/contract/releases.ts";

const DIGEST = `sha256:${"0".repeat(64)}`;

/** A release as the API answers it, good and without outputs unless `more` says otherwise. */
export function releaseAnswer(number: number, more: Partial<Release> = {}): Release {
  const id = `00000000-0000-7000-8000-${String(number).padStart(12, "0")}`;
  return Release.parse({
    id,
    number,
    deploymentId: id,
    health: "good",
    rollbackOf: null,
    promotedFrom: null,
    sourceDigest: DIGEST,
    commit: null,
    dirty: false,
    lockfileDigest: null,
    configDigest: DIGEST,
    artifacts: [],
    pulumiVersion: "3.250.0",
    plugins: [],
    outputs: {},
    requestedBy: "user:owner",
    message: null,
    createdAt: "2026-11-21T12:00:00.000Z",
    quarantined: false,
    acceptedBy: null,
    ...more,
  });
}
