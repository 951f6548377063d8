import { formatBytes } from "@slipway/automation/client";
import type { StackPath, StackState } from "@slipway/automation/contract";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useClient } from "../api.ts";
import { Age } from "../components/Age.tsx";
import type { Column } from "../components/DataTable.tsx";
import { PagedTable } from "../components/PagedTable.tsx";
import { Status } from "../components/Status.tsx";
import { queries } from "../queries.ts";
import { updateName } from "../updates/names.ts";

/** The states of a stack with the runs that left them. */
export function StatesTable({ stack }: { stack: StackPath }) {
  return (
    <PagedTable
      query={useInfiniteQuery(queries.states(useClient(), stack))}
      caption="States, newest first; the first is what the stack is"
      keyOf={(one) => String(one.number)}
      columns={COLUMNS}
      empty="No state yet. The first run that changes the stack leaves one."
    />
  );
}

const COLUMNS: Column<StackState>[] = [
  {
    label: "State",
    cell: (one) => (
      <span className="inline">
        {one.number}
        {one.partial && <Status value="partial" />}
      </span>
    ),
  },
  { label: "Left by", wide: true, cell: (one) => <LeftBy one={one} /> },
  { label: "Resources", cell: (one) => one.resourceCount },
  { label: "Size", cell: (one) => formatBytes(one.sizeBytes) },
  { label: "When", cell: (one) => <Age at={one.createdAt} /> },
];

function LeftBy({ one: { update } }: { one: StackState }) {
  if (update === null) return <>an import</>;
  if (update.deploymentId !== null)
    return (
      <Link to="/deployments/$id" params={{ id: update.deploymentId }}>
        {update.kind} v{update.number} of a deployment
      </Link>
    );
  return (
    <Link to="/updates/$id" params={{ id: update.id }}>
      {updateName(update)}
    </Link>
  );
}
