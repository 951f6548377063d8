import type { HistoryEntry, StackPath } from "@slipway/automation/contract";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useClient } from "../api.ts";
import { Age } from "../components/Age.tsx";
import type { Column } from "../components/DataTable.tsx";
import { Elapsed } from "../components/Elapsed.tsx";
import { PagedTable } from "../components/PagedTable.tsx";
import { Status } from "../components/Status.tsx";
import { changesOf, whyOf } from "../deployments/columns.tsx";
import { queries } from "../queries.ts";
import { Claim } from "../updates/Claimed.tsx";
import { changesOfUpdate, updateName } from "../updates/names.ts";

/** The deployments of a stack and the runs of the Pulumi CLI that belong to none. */
export function HistoryTable({ stack }: { stack: StackPath }) {
  return (
    <PagedTable
      query={useInfiniteQuery(queries.history(useClient(), stack))}
      caption="Deployments and runs of the Pulumi CLI, newest first"
      keyOf={(one) => runOf(one).id}
      columns={COLUMNS}
      empty="No deployments yet, and no runs of the Pulumi CLI."
    />
  );
}

const COLUMNS: Column<HistoryEntry>[] = [
  { label: "Run", cell: (one) => <Name one={one} /> },
  { label: "Status", cell: (one) => <RunStatus one={one} /> },
  { label: "Release", cell: (one) => (one.kind === "deployment" ? (one.deployment.release ?? "–") : "–") },
  {
    label: "Why",
    wide: true,
    cell: (one) => (one.kind === "deployment" ? whyOf(one.deployment) : <Claim update={one.update} />),
  },
  {
    label: "Changes",
    cell: (one) => (one.kind === "deployment" ? changesOf(one.deployment) : changesOfUpdate(one.update)),
  },
  {
    label: "Took",
    cell: (one) => <Elapsed from={runOf(one).startedAt} to={runOf(one).finishedAt} />,
  },
  {
    label: "By",
    cell: (one) => (one.kind === "deployment" ? one.deployment.requestedBy : one.update.principal),
  },
  { label: "When", cell: (one) => <Age at={runOf(one).requestedAt} /> },
];

/** What both kinds have. */
function runOf(one: HistoryEntry) {
  return one.kind === "deployment" ? one.deployment : one.update;
}

function Name({ one }: { one: HistoryEntry }) {
  if (one.kind === "update")
    return (
      <Link to="/updates/$id" params={{ id: one.update.id }}>
        {updateName(one.update)}
      </Link>
    );
  return (
    <Link to="/deployments/$id" params={{ id: one.deployment.id }}>
      {one.deployment.operation} #{one.deployment.number}
    </Link>
  );
}

function RunStatus({ one }: { one: HistoryEntry }) {
  if (one.kind === "update")
    return <Status value={one.update.cancelling ? "cancelling" : one.update.status} />;
  const { status, rolledBackBy } = one.deployment;
  return (
    <span className="inline">
      <Status value={status} />
      {rolledBackBy !== null && status !== "rolled_back" && <span>rollback tried</span>}
    </span>
  );
}
