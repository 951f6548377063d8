import { formatChanges, formatPlannedChanges } from "@slipway/automation/client";
import type { DeploymentSummary } from "@slipway/automation/contract";
import { Link } from "@tanstack/react-router";
import { Age } from "../components/Age.tsx";
import type { Column } from "../components/DataTable.tsx";
import { Elapsed } from "../components/Elapsed.tsx";
import { Status } from "../components/Status.tsx";

/** Columns of a table of deployments of one stack. */
export const deploymentColumns: Column<DeploymentSummary>[] = [
  {
    label: "Deployment",
    cell: (one) => (
      <Link to="/deployments/$id" params={{ id: one.id }}>
        {one.operation} #{one.number}
      </Link>
    ),
  },
  {
    label: "Status",
    cell: (one) => (
      <span className="inline">
        <Status value={one.status} />
        {one.rolledBackBy !== null && one.status !== "rolled_back" && <span>rollback tried</span>}
      </span>
    ),
  },
  { label: "Release", cell: (one) => one.release ?? "–" },
  { label: "Why", wide: true, cell: (one) => whyOf(one) },
  { label: "Changes", cell: (one) => changesOf(one) },
  { label: "Took", cell: (one) => <Elapsed from={one.startedAt} to={one.finishedAt ?? one.startedAt} /> },
  { label: "By", cell: (one) => one.requestedBy },
  { label: "When", cell: (one) => <Age at={one.requestedAt} /> },
];

/** Why a deployment was asked for, and why it failed when it did. */
export function whyOf(one: DeploymentSummary) {
  const reason =
    one.message ??
    (one.cause === "automatic-rollback" ? "Automatic rollback after a failed deployment" : null);
  if (one.failure === null) return reason ?? "–";
  return (
    <>
      {reason !== null && <div>{reason}</div>}
      <div className="failure-line">{one.failure.detail}</div>
    </>
  );
}

/** What a deployment changed, or would change. */
export function changesOf(one: Pick<DeploymentSummary, "changes" | "operation">): string {
  if (Object.values(one.changes).every((count) => count === 0)) return "–";
  return one.operation === "preview" ? formatPlannedChanges(one.changes) : formatChanges(one.changes);
}
