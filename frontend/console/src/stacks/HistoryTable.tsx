import type { StackPath } from "@slipway/automation/contract";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useClient } from "../api.ts";
import { PagedTable } from "../components/PagedTable.tsx";
import { deploymentColumns } from "../deployments/columns.tsx";
import { queries } from "../queries.ts";

/** The deployments of a stack. */
export function HistoryTable({ stack }: { stack: StackPath }) {
  return (
    <PagedTable
      query={useInfiniteQuery(queries.stackDeployments(useClient(), stack))}
      caption="Deployments, newest first"
      keyOf={(one) => one.id}
      columns={deploymentColumns}
      empty="No deployments yet."
    />
  );
}
