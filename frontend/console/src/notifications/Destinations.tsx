import { Button, Stack as Column, Group, Text } from "@mantine/core";
import type { ChangeDestination, Destination } from "@slipway/automation/contract";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useClient } from "../api.ts";
import { Age } from "../components/Age.tsx";
import { DataTable } from "../components/DataTable.tsx";
import { Loading } from "../components/Loading.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { Status } from "../components/Status.tsx";
import { keyOf, notificationQueries } from "./queries.ts";

type Action =
  | { kind: "test"; destination: string }
  | { kind: "resend"; destination: string }
  | { kind: "change"; destination: string; body: ChangeDestination };

/** Where an organisation's notifications go, which of them fail, and what can be done about it. */
export function Destinations({ organisation }: { organisation: string }) {
  const client = useClient();
  const cache = useQueryClient();
  const read = useQuery(notificationQueries.destinations(client, organisation));
  const act = useMutation({
    mutationFn: async (action: Action): Promise<unknown> => {
      const params = { organisation, destination: action.destination };
      if (action.kind === "test") return client.testDestination({ params });
      if (action.kind === "resend") return client.resendDeadOfDestination({ params });
      return client.changeDestination({ params, body: action.body });
    },
    onSettled: () => cache.invalidateQueries({ queryKey: keyOf(organisation) }),
  });
  if (read.data === undefined)
    return read.error === null ? <Loading what="destinations" /> : <ProblemAlert error={read.error} />;
  return (
    <Column gap="md">
      {act.error !== null && <ProblemAlert error={act.error} />}
      <DataTable<Destination>
        caption="Destinations"
        rows={read.data.items}
        keyOf={(one) => one.id}
        columns={[
          { label: "Name", cell: (one) => one.name },
          { label: "Address", cell: (one) => <span className="breakable">{one.address}</span> },
          { label: "Gets", wide: true, cell: (one) => <span className="breakable">{getsOf(one)}</span> },
          {
            label: "Last delivered",
            cell: (one) => (one.lastDeliveredAt === null ? "never" : <Age at={one.lastDeliveredAt} />),
          },
          { label: "Status", cell: (one) => <Health destination={one} /> },
          {
            label: "Do",
            cell: (one) => (
              <Actions
                destination={one}
                busy={act.isPending && act.variables.destination === one.name}
                act={act.mutate}
              />
            ),
          },
        ]}
        empty="No destinations: nobody is told of anything. Add one with: slipway destinations add"
      />
    </Column>
  );
}

function getsOf({ kinds, stacks, minSeverity, installation }: Destination): string {
  return [
    kinds === null ? "every kind" : kinds.join(", "),
    ...(stacks === null ? [] : [`of ${stacks.join(", ")}`]),
    ...(minSeverity === "info" ? [] : [`from ${minSeverity} on`]),
    ...(installation ? ["and of the installation"] : []),
  ].join(" ");
}

function Health({ destination }: { destination: Destination }) {
  const { pausedAt, pausedBy, pausedReason, deadInARow } = destination;
  if (pausedAt !== null)
    return (
      <>
        <Status value="paused" /> by {pausedBy}
        {pausedReason !== null && (
          <Text size="sm" c="dimmed">
            {pausedReason}
          </Text>
        )}
      </>
    );
  if (deadInARow > 0)
    return (
      <>
        <Status value="failing" /> {deadInARow} given up in a row
      </>
    );
  return <Status value="active" />;
}

function Actions({
  destination: { name, pausedAt },
  busy,
  act,
}: {
  destination: Destination;
  busy: boolean;
  act: (action: Action) => void;
}) {
  const isPaused = pausedAt !== null;
  return (
    <Group gap="xs">
      <Button
        variant="default"
        size="compact-sm"
        loading={busy}
        aria-label={`${isPaused ? "Resume" : "Pause"} ${name}`}
        onClick={() => act({ kind: "change", destination: name, body: { paused: !isPaused } })}
      >
        {isPaused ? "Resume" : "Pause"}
      </Button>
      {!isPaused && (
        <>
          <Button
            variant="default"
            size="compact-sm"
            loading={busy}
            aria-label={`Test ${name}`}
            onClick={() => act({ kind: "test", destination: name })}
          >
            Test
          </Button>
          <Button
            variant="default"
            size="compact-sm"
            loading={busy}
            aria-label={`Send dead again at ${name}`}
            onClick={() => act({ kind: "resend", destination: name })}
          >
            Send dead again
          </Button>
        </>
      )}
    </Group>
  );
}
