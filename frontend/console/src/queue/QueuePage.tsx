import { Button, Stack as Column, Group, Text, Title } from "@mantine/core";
import type { DeploymentSummary, RunLimit, Worker } from "@slipway/automation/contract";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useClient } from "../api.ts";
import { Age } from "../components/Age.tsx";
import type { Column as TableColumn } from "../components/DataTable.tsx";
import { DataTable } from "../components/DataTable.tsx";
import { Loading } from "../components/Loading.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { usePageTitle } from "../components/page-title.ts";
import { Status } from "../components/Status.tsx";
import { queries } from "../queries.ts";
import { PauseDialog } from "./PauseDialog.tsx";
import { WaitingFor } from "./WaitingFor.tsx";

/** What runs and what waits, with the limits and the workers. */
export function QueuePage() {
  usePageTitle("Queue");
  const client = useClient();
  const queue = useQuery(queries.queue(client));
  const limits = useQuery(queries.limits(client));
  const workers = useQuery(queries.workers(client));
  const who = useQuery(queries.whoami(client));
  const pauses = useQuery(queries.pauses(client));
  const [pausing, setPausing] = useState(false);
  const isStopped = pauses.data?.items.some(({ scope }) => scope === "everything") === true;
  const error = queue.error ?? limits.error ?? workers.error;
  return (
    <Column gap="lg">
      <Group justify="space-between">
        <Title order={1} size="h2">
          Queue
        </Title>
        {who.data?.kind === "owner" && !isStopped && (
          <Button variant="default" onClick={() => setPausing(true)}>
            Pause everything
          </Button>
        )}
      </Group>
      {error !== null && <ProblemAlert error={error} />}
      {error === null && (queue.data ?? limits.data ?? workers.data) === undefined && (
        <Loading what="the queue" />
      )}
      {queue.data !== undefined && (
        <DataTable
          caption="What runs, and what waits in the order in which it is claimed"
          keyOf={(one) => one.id}
          columns={DEPLOYMENTS}
          rows={[...queue.data.running, ...queue.data.waiting]}
          empty="Nothing runs and nothing waits."
        />
      )}
      {queue.data?.more === true && <Text c="dimmed">More wait than are shown here.</Text>}
      <Title order={2} size="h3">
        Limits
      </Title>
      {limits.data !== undefined && (
        <DataTable
          caption="Most deployments at once"
          keyOf={(one) => nameOf(one)}
          columns={LIMITS}
          rows={limits.data.items}
          empty="None: as many run as the workers can take."
        />
      )}
      <Title order={2} size="h3">
        Workers
      </Title>
      {workers.data !== undefined && (
        <DataTable
          caption="Workers that run, drain, or were lost within the last hour"
          keyOf={(one) => one.id}
          columns={WORKERS}
          rows={workers.data.items}
          empty="No worker is running: deployments wait."
        />
      )}
      <PauseDialog opened={pausing} onClose={() => setPausing(false)} />
    </Column>
  );
}

const DEPLOYMENTS: TableColumn<DeploymentSummary>[] = [
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
  {
    label: "Deployment",
    cell: (one) => (
      <Link to="/deployments/$id" params={{ id: one.id }}>
        {one.operation} #{one.number}
      </Link>
    ),
  },
  { label: "Status", cell: (one) => <Status value={one.status} /> },
  {
    label: "Waits for",
    wide: true,
    cell: (one) => (one.waiting === null ? "–" : <WaitingFor waiting={one.waiting} />),
  },
  { label: "By", cell: (one) => one.requestedBy },
  { label: "Since", cell: (one) => <Age at={one.startedAt ?? one.requestedAt} /> },
];

const LIMITS: TableColumn<RunLimit>[] = [
  { label: "Of", wide: true, cell: nameOf },
  { label: "At once", cell: (one) => one.most },
  { label: "Set by", cell: (one) => one.setBy },
  { label: "When", cell: (one) => <Age at={one.setAt} /> },
];

const WORKERS: TableColumn<Worker>[] = [
  { label: "Host", wide: true, cell: (one) => one.host },
  { label: "State", cell: (one) => one.state },
  {
    label: "Runs",
    cell: (one) => (one.concurrency === null ? one.running : `${one.running} of ${one.concurrency}`),
  },
  { label: "Started", cell: (one) => <Age at={one.startedAt} /> },
  { label: "Seen", cell: (one) => <Age at={one.seenAt} /> },
];

function nameOf({ organisation, project }: RunLimit): string {
  if (project === null) return "The installation";
  return organisation === "default" ? project : `${organisation}/${project}`;
}
