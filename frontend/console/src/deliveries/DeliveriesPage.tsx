import { Stack as Column, Title } from "@mantine/core";
import type { StackDelivery } from "@slipway/automation/contract";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useClient } from "../api.ts";
import { Age } from "../components/Age.tsx";
import type { Column as TableColumn } from "../components/DataTable.tsx";
import { PagedTable } from "../components/PagedTable.tsx";
import { usePageTitle } from "../components/page-title.ts";
import { Status } from "../components/Status.tsx";
import type { ProjectPath } from "../promotions/queries.ts";
import { promotionQueries } from "../promotions/queries.ts";

/** Deliveries of all projects. */
export function DeliveriesPage() {
  usePageTitle("Deliveries");
  return (
    <Column gap="lg">
      <Title order={1} size="h2">
        Deliveries
      </Title>
      <DeliveriesTable />
    </Column>
  );
}

/** Deliveries, newest first; of one project when it is named. */
export function DeliveriesTable({ project }: { project?: ProjectPath }) {
  return (
    <PagedTable
      query={useInfiniteQuery(promotionQueries.deliveries(useClient(), project))}
      caption="Deliveries, newest first"
      keyOf={(one) => one.id}
      columns={COLUMNS}
      empty="No deliveries yet. One release goes to several stacks with: slipway deliveries create."
    />
  );
}

const COLUMNS: TableColumn<StackDelivery>[] = [
  {
    label: "Project",
    cell: ({ organisation, project }) => (
      <Link to="/projects/$organisation/$project" params={{ organisation, project }}>
        {project}
      </Link>
    ),
  },
  {
    label: "Delivery",
    cell: ({ id }) => (
      <Link to="/deliveries/$id" params={{ id }}>
        {id.slice(0, 8)}
      </Link>
    ),
  },
  { label: "Status", cell: (one) => <Status value={one.status} /> },
  {
    label: "Good",
    cell: ({ stacks }) => `${stacks.filter(({ state }) => state === "good").length} of ${stacks.length}`,
  },
  { label: "Why", wide: true, cell: (one) => one.message ?? one.detail ?? "–" },
  { label: "By", cell: (one) => one.requestedBy },
  { label: "When", cell: (one) => <Age at={one.createdAt} /> },
];
