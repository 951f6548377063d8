import { Button, Stack as Column, Group, Paper, Text, Title } from "@mantine/core";
import type { StackDelivery } from "@slipway/automation/contract";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useClient } from "../api.ts";
import { Age } from "../components/Age.tsx";
import type { Column as TableColumn } from "../components/DataTable.tsx";
import { DataTable } from "../components/DataTable.tsx";
import { Loading } from "../components/Loading.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { usePageTitle } from "../components/page-title.ts";
import { Status } from "../components/Status.tsx";
import { promotionQueries } from "../promotions/queries.ts";

type DeliveredStack = StackDelivery["stacks"][number];

/** One delivery: what it brings, where it is, and what can be done about it. */
export function DeliveryPage({ id }: { id: string }) {
  usePageTitle(`Delivery ${id.slice(0, 8)}`);
  const client = useClient();
  const cache = useQueryClient();
  const read = useQuery(promotionQueries.delivery(client, id));
  const change = useMutation({
    mutationFn: (how: "pause" | "resume" | "cancel") => {
      const about = { params: { id } };
      if (how === "pause") return client.pauseStackDelivery(about);
      return how === "resume" ? client.resumeStackDelivery(about) : client.cancelStackDelivery(about);
    },
    onSuccess: (changed) => cache.setQueryData(["delivery", id], changed),
  });
  if (read.data === undefined)
    return read.error === null ? <Loading what="the delivery" /> : <ProblemAlert error={read.error} />;
  const delivery = read.data;
  const { organisation, project } = delivery;
  return (
    <Column gap="lg">
      <Group justify="space-between" align="start">
        <Column gap={4}>
          <Text size="sm">
            <Link to="/deliveries">Deliveries</Link> /{" "}
            <Link to="/projects/$organisation/$project" params={{ organisation, project }}>
              {project}
            </Link>
          </Text>
          <Title order={1} size="h2">
            Delivery {id.slice(0, 8)}
          </Title>
        </Column>
        {delivery.endedAt === null && (
          <Group gap="sm">
            {delivery.status === "paused" ? (
              <Button loading={change.isPending} onClick={() => change.mutate("resume")}>
                Resume
              </Button>
            ) : (
              <Button
                variant="default"
                loading={change.isPending}
                disabled={delivery.status !== "running"}
                onClick={() => change.mutate("pause")}
              >
                Pause
              </Button>
            )}
            <Button
              variant="default"
              loading={change.isPending}
              disabled={delivery.status === "cancelled"}
              onClick={() => change.mutate("cancel")}
            >
              Cancel
            </Button>
          </Group>
        )}
      </Group>
      {change.error !== null && <ProblemAlert error={change.error} />}
      {read.error !== null && <ProblemAlert error={read.error} />}
      <Paper withBorder p="md" role="status">
        <span className="inline">
          <Status value={delivery.status} />
          {delivery.detail !== null && <span>{delivery.detail}</span>}
        </span>
        <Text size="sm" c="dimmed">
          {delivery.from === null
            ? "The source of the project's folder"
            : `Release ${delivery.from.release} of ${delivery.from.stack}`}
          , asked for by {delivery.requestedBy}, <Age at={delivery.createdAt} />
          {delivery.message === null ? "" : `: ${delivery.message}`}
        </Text>
      </Paper>
      <DataTable
        caption="Stacks in the order of their waves, and how far each has come"
        keyOf={({ stack }) => stack}
        columns={columnsOf(delivery)}
        rows={delivery.stacks}
        empty="No stacks."
      />
    </Column>
  );
}

/** The way of a stack; where it is stands in one of these columns. */
const STAGES: readonly (readonly [string, readonly DeliveredStack["state"][]])[] = [
  ["To come", ["waiting", "left_out", "refused"]],
  ["Queued", ["queued"]],
  ["Approval", ["waiting_approval"]],
  ["Running", ["running"]],
  ["Ended", ["good", "not_good"]],
];

function columnsOf({ organisation, project }: StackDelivery): TableColumn<DeliveredStack>[] {
  return [
    { label: "Wave", cell: ({ wave }) => wave },
    {
      label: "Stack",
      cell: ({ stack }) => (
        <Link
          to="/stacks/$organisation/$project/$stack"
          params={{ organisation, project, stack }}
          search={{ tab: "history" }}
        >
          {stack}
        </Link>
      ),
    },
    { label: "Takes from", cell: ({ from }) => from ?? "the folder" },
    ...STAGES.map(
      ([label, states]): TableColumn<DeliveredStack> => ({
        label,
        cell: ({ state }) => (states.includes(state) ? <Status value={state} /> : ""),
      }),
    ),
    {
      label: "Deployment",
      cell: ({ deployment }) =>
        deployment === null ? (
          "–"
        ) : (
          <Link to="/deployments/$id" params={{ id: deployment.id }}>
            #{deployment.number}
          </Link>
        ),
    },
    { label: "Release", cell: ({ release }) => release ?? "–" },
    { label: "Why", wide: true, cell: ({ detail }) => detail ?? "" },
  ];
}
