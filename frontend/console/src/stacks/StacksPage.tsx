import { Button, Stack as Column, Group, Text, Title } from "@mantine/core";
import type { Stack } from "@slipway/automation/contract";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useClient } from "../api.ts";
import { EmergencyNotice } from "../approvals/EmergencyNotice.tsx";
import { Age } from "../components/Age.tsx";
import type { Column as TableColumn } from "../components/DataTable.tsx";
import { PagedTable } from "../components/PagedTable.tsx";
import { usePageTitle } from "../components/page-title.ts";
import { Status } from "../components/Status.tsx";
import { queries } from "../queries.ts";
import { CreateStackDialog } from "./CreateStackDialog.tsx";

/** All stacks with how they are. */
export function StacksPage() {
  usePageTitle("Stacks");
  const stacks = useInfiniteQuery(queries.stacks(useClient()));
  const [creating, setCreating] = useState(false);
  return (
    <Column gap="lg">
      <Group justify="space-between">
        <Title order={1} size="h2">
          Stacks
        </Title>
        <Button variant="default" onClick={() => setCreating(true)}>
          Create a stack
        </Button>
      </Group>
      <EmergencyNotice />
      <PagedTable
        query={stacks}
        caption="Stacks, newest first"
        keyOf={(stack) => stack.id}
        columns={COLUMNS}
        empty="No stacks yet. Create one, then deploy it."
      />
      <CreateStackDialog opened={creating} onClose={() => setCreating(false)} />
    </Column>
  );
}

const COLUMNS: TableColumn<Stack>[] = [
  {
    label: "Stack",
    wide: true,
    cell: (stack) => (
      <Link
        to="/stacks/$organisation/$project/$stack"
        params={{ organisation: stack.organisation, project: stack.project, stack: stack.name }}
        search={{ tab: "history" }}
      >
        {stack.organisation === "default" ? "" : `${stack.organisation}/`}
        {stack.project}/<strong>{stack.name}</strong>
      </Link>
    ),
  },
  { label: "Release", cell: (stack) => <CurrentRelease stack={stack} /> },
  { label: "Resources", cell: (stack) => stack.resourceCount ?? "–" },
  { label: "Last run", cell: (stack) => <LastRun stack={stack} /> },
];

function CurrentRelease({ stack }: { stack: Stack }) {
  if (stack.currentRelease === null) return <>–</>;
  const isGood = stack.currentRelease === stack.lastGoodRelease;
  return (
    <span className="inline">
      {stack.currentRelease} <Status value={isGood ? "good" : "unproven"} />
    </span>
  );
}

/** The newest run: a deployment, or one of the Pulumi CLI. */
function LastRun({ stack: { lastDeployment, lastUpdate } }: { stack: Stack }) {
  const isUpdate =
    lastUpdate !== null &&
    (lastDeployment === null || Date.parse(lastUpdate.requestedAt) > Date.parse(lastDeployment.requestedAt));
  const last = isUpdate ? lastUpdate : lastDeployment;
  if (last === null)
    return (
      <Text c="dimmed" span>
        never deployed
      </Text>
    );
  return (
    <span className="inline">
      {isUpdate ? (
        <Link to="/updates/$id" params={{ id: last.id }}>
          pulumi {lastUpdate.kind}
        </Link>
      ) : (
        <Link to="/deployments/$id" params={{ id: last.id }}>
          {lastDeployment?.operation}
        </Link>
      )}
      <Status value={last.status} />
      <Age at={last.requestedAt} />
    </span>
  );
}
