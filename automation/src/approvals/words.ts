import type { Brought } from "../readiness/asked-store.ts";
import { whyNotCounted } from "../readiness/rules.ts";
import type { Demand } from "./evaluate.ts";
import { coreApproval } from "./evaluate.ts";
import type { Waiting } from "./store.ts";

/** What a deployment waits for, in a sentence. `waiting`: undefined before anybody was asked. */
export function missingOf(demand: Demand, waiting: Waiting | undefined): string {
  return `waits for ${missingInWords(demand, waiting)}`;
}

/** Votes and a sign-off that are missing, in words. */
export function missingInWords(demand: Demand, waiting: Waiting | undefined): string {
  const parts = demand.rules.flatMap(({ setting, people, automatic }) => {
    const members = automatic?.votes === true ? new Set([...people, automatic.voter]) : people;
    const have = waiting === undefined ? 0 : countFor(members, waiting, demand);
    const missing = Math.max(0, setting.need - have);
    const whose =
      setting.from.length === 0 ? "of somebody who may deploy" : `of ${setting.from.join(" or ")}`;
    return missing === 0
      ? []
      : [`${missing} ${missing === 1 ? "vote" : "votes"} ${whose} (rule ${setting.name})`];
  });
  if (demand.signOff !== null && signersOf(demand).length === 0)
    parts.push(`the sign-off of ${broughtInWords(demand.signOff.brings)}`);
  return parts.length === 0 ? "votes" : parts.join(", ");
}

/** Whose sign-offs count for a change, oldest first; nobody's when it needs none. */
export function signersOf({ signOff, requesters }: Demand): string[] {
  const parts = new Set(requesters.map(({ principal }) => principal));
  return (signOff?.signOffs ?? []).filter((one) => whyNotCounted(one, parts) === null).map(({ by }) => by);
}

/** What is to be signed off, in words. */
export function broughtInWords(brings: Brought): string {
  return brings.kind === "release"
    ? `release ${brings.release} of ${brings.stack}`
    : `the source ${brings.sourceDigest}`;
}

/** The one command that signs off what a deployment brings. */
export function signOffCommand({ guard, signOff }: Demand): string | null {
  if (signOff === null) return null;
  const { organisation, project, stack } = guard;
  const on = organisation === "default" ? `${project}/${stack}` : `${organisation}/${project}/${stack}`;
  const { brings } = signOff;
  const what =
    brings.kind === "release"
      ? `--from ${brings.stack} --release ${brings.release}`
      : `--source ${brings.sourceDigest}`;
  return `slipway readiness sign-off --stack ${on} ${what} --comment <text>`;
}

function countFor(members: ReadonlySet<string>, waiting: Waiting, demand: Demand): number {
  const { votes, seal, requesters } = coreApproval(waiting, demand);
  return votes.filter(
    (vote) =>
      vote.verdict === "approve" && vote.seal === seal && !requesters.has(vote.by) && members.has(vote.by),
  ).length;
}

/** Who approved it and who signed it off, in words. */
export function approvedBy(waiting: Waiting, demand: Demand): string {
  const { votes, seal, requesters } = coreApproval(waiting, demand);
  const voters = votes
    .filter((vote) => vote.verdict === "approve" && vote.seal === seal && !requesters.has(vote.by))
    .map(({ by }) => by);
  const signers = [...new Set(signersOf(demand))];
  return [
    ...(voters.length === 0 ? [] : [`approved by ${voters.join(", ")}`]),
    ...(signers.length === 0 ? [] : [`signed off by ${signers.join(", ")}`]),
  ].join("; ");
}
