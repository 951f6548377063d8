import { formatPlannedChanges, sortOperations } from "@slipway/automation/client";
import type { Approval, Deployment } from "@slipway/automation/contract";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { Countdown } from "../approvals/Countdown.tsx";
import { anyOf, personOf } from "../approvals/people.ts";
import { RiskReasons } from "../approvals/Risk.tsx";
import { Age } from "../components/Age.tsx";
import { Elapsed } from "../components/Elapsed.tsx";
import { exactTime } from "../components/instants.ts";
import { isTerminal } from "../queries.ts";
import { WaitingFor } from "../queue/WaitingFor.tsx";
import { changesOf } from "./columns.tsx";

/** What a person needs to know first: what, why, who, how risky, in which state. `planned`: counts of its preview, when there was one. */
export function Facts({
  deployment,
  approval,
  planned,
}: {
  deployment: Deployment;
  approval: Approval | null;
  planned: Readonly<Record<string, number>> | null;
}) {
  return (
    <dl className="facts facts-first">
      <Fact name="What">
        <What deployment={deployment} planned={planned} />
      </Fact>
      <Fact name="Why">{whyOf(deployment) ?? "No reason was given."}</Fact>
      <Fact name="Who">
        <Who deployment={deployment} />
      </Fact>
      {approval !== null && (
        <Fact name="Risk">
          <RiskReasons risk={approval.risk} />
        </Fact>
      )}
      {approval !== null && approval.state === "open" && (
        <Fact name="Who may">
          {anyOf([
            ...new Set([
              ...approval.rules.flatMap(({ missing, mayVote }) => (missing > 0 ? mayVote : [])),
              ...(approval.signOff?.isMissing === true ? approval.signOff.mayGive : []),
            ]),
          ])}
          {", lapses "}
          <Countdown to={approval.expiresAt} />
        </Fact>
      )}
      {deployment.waiting !== null && (
        <Fact name="Waits">
          <span role="status">
            <WaitingFor waiting={deployment.waiting} />
          </span>
        </Fact>
      )}
      {deployment.binding !== null && (
        <Fact name="Binding">
          {deployment.binding === "exact"
            ? "exact: what runs is what was sealed"
            : "equivalent: what runs is what was sealed, but for credentials of providers"}
        </Fact>
      )}
      <Origins deployment={deployment} />
    </dl>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function What({
  deployment,
  planned,
}: {
  deployment: Deployment;
  planned: Readonly<Record<string, number>> | null;
}) {
  const { organisation, project, stack, operation, release, status, targetRelease } = deployment;
  if (status === "succeeded" && operation !== "preview")
    return (
      <span role="status">
        {changesOf(deployment)}
        {release !== null && (
          <>
            {". Recorded as "}
            <Link
              to="/stacks/$organisation/$project/$stack"
              params={{ organisation, project, stack }}
              search={{ tab: "releases" }}
            >
              release {release}
            </Link>
          </>
        )}
      </span>
    );
  const back = targetRelease === null ? "" : `, back to release ${targetRelease}`;
  if (planned === null)
    return <>{isTerminal(deployment) ? `nothing was previewed${back}` : `not previewed yet${back}`}</>;
  return (
    <>
      {formatPlannedChanges(Object.fromEntries(sortOperations(Object.entries(planned))))}
      {back}
    </>
  );
}

function whyOf({ message, cause }: Deployment): string | null {
  return message ?? (cause === "automatic-rollback" ? "Slipway rolls back after a failed deployment." : null);
}

function Who({ deployment }: { deployment: Deployment }) {
  return (
    <>
      by {personOf(deployment.requestedBy)}, <Age at={deployment.requestedAt} /> (
      {exactTime(deployment.requestedAt)})
      {deployment.startedAt !== null && deployment.status !== "waiting_approval" && (
        <>
          , {isTerminal(deployment) ? "took" : "running for"}{" "}
          <Elapsed from={deployment.startedAt} to={deployment.finishedAt} />
        </>
      )}
      {(deployment.queuePosition ?? 0) > 0 && `, ${deployment.queuePosition} before it in the queue`}
      {deployment.attempts > 1 && `, attempt ${deployment.attempts}`}
    </>
  );
}

/** The deployments that this one follows. */
function Origins({ deployment }: { deployment: Deployment }) {
  return (
    <>
      {deployment.promotedFrom !== null && (
        <Fact name="Promoted from">
          <Link
            to="/stacks/$organisation/$project/$stack"
            params={{
              organisation: deployment.organisation,
              project: deployment.project,
              stack: deployment.promotedFrom.stack,
            }}
            search={{ tab: "releases" }}
          >
            {deployment.promotedFrom.stack}, release {deployment.promotedFrom.release}
          </Link>
        </Fact>
      )}
      {deployment.continues !== null && (
        <Fact name="Goes on with">
          <Link to="/deployments/$id" params={{ id: deployment.continues }}>
            the deployment that did not end by itself
          </Link>
          {deployment.runsAfter !== null && (
            <>
              {", after "}
              <Link to="/deployments/$id" params={{ id: deployment.runsAfter }}>
                its refresh
              </Link>
            </>
          )}
        </Fact>
      )}
      {deployment.causedBy !== null && (
        <Fact name="Undoes">
          <Link to="/deployments/$id" params={{ id: deployment.causedBy }}>
            the failed deployment
          </Link>
        </Fact>
      )}
    </>
  );
}
