import { Stack, Title } from "@mantine/core";
import type { DeploymentSummary } from "@slipway/automation/contract";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useClient } from "../api.ts";
import type { Column } from "../components/DataTable.tsx";
import { PagedTable } from "../components/PagedTable.tsx";
import { usePageTitle } from "../components/page-title.ts";
import { queries } from "../queries.ts";
import { deploymentColumns } from "./columns.tsx";

const COLUMNS: Column<DeploymentSummary>[] = [
  {
    label: "Stack",
    cell: ({ organisation, project, stack }) => (
      <Link
        to="/stacks/$organisation/$project/$stack"
        params={{ organisation, project, stack }}
        search={{ tab: "history" }}
      >
        {project}/{stack}
      </Link>
    ),
  },
  ...deploymentColumns,
];

/** The deployments of all stacks. */
export function DeploymentsPage() {
  usePageTitle("Deployments");
  return (
    <Stack gap="lg">
      <Title order={1} size="h2">
        Deployments
      </Title>
      <PagedTable
        query={useInfiniteQuery(queries.deployments(useClient()))}
        caption="Deployments of all stacks, newest first"
        keyOf={(one) => one.id}
        columns={COLUMNS}
        empty="No deployments yet. Open a stack and deploy it."
      />
    </Stack>
  );
}
