import { Button, Stack as Column, Group, Text } from "@mantine/core";
import type { Client } from "@slipway/automation/client";
import type { Schedule, ScheduleSlot, StackPath } from "@slipway/automation/contract";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useClient } from "../api.ts";
import { Age } from "../components/Age.tsx";
import { DataTable } from "../components/DataTable.tsx";
import { Loading } from "../components/Loading.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { Status } from "../components/Status.tsx";
import { queries } from "../queries.ts";

/** Schedules of a stack: when each runs next, and what became of its last slot. */
export function SchedulesPanel({ stack }: { stack: StackPath }) {
  const read = useQuery(queries.schedules(useClient(), stack));
  const change = useChange(stack);
  if (read.data === undefined)
    return read.error === null ? <Loading what="the schedules" /> : <ProblemAlert error={read.error} />;
  return (
    <Column gap="md">
      {change.error !== null && <ProblemAlert error={change.error} />}
      <DataTable
        caption="Schedules"
        rows={read.data.items}
        keyOf={(one) => one.id}
        empty={
          <>
            Nothing runs by schedule. To check for drift each night:{" "}
            <code>slipway schedules create nightly --cron @daily</code>
          </>
        }
        columns={[
          { label: "Name", cell: (one) => one.name },
          { label: "Runs", cell: (one) => one.operation },
          { label: "When", cell: (one) => <When schedule={one} /> },
          { label: "Next runs", wide: true, cell: (one) => <Next stack={stack} schedule={one} /> },
          { label: "Last slot", wide: true, cell: (one) => <LastSlot slot={one.lastSlot} /> },
          { label: "Owner", cell: (one) => one.owner },
          {
            label: "Actions",
            cell: (one) => (
              <Group gap="xs">
                <Button
                  size="compact-sm"
                  variant="default"
                  disabled={change.isPending}
                  aria-label={`${one.pausedAt === null ? "Pause" : "Resume"} ${one.name}`}
                  onClick={() =>
                    change.mutate({ name: one.name, how: one.pausedAt === null ? "pause" : "resume" })
                  }
                >
                  {one.pausedAt === null ? "Pause" : "Resume"}
                </Button>
              </Group>
            ),
          },
        ]}
      />
    </Column>
  );
}

function When({ schedule }: { schedule: Schedule }) {
  if (schedule.cron === null) return <>once</>;
  return (
    <>
      <code>{schedule.cron}</code> {schedule.timeZone}
    </>
  );
}

function Next({ stack, schedule }: { stack: StackPath; schedule: Schedule }) {
  const read = useQuery({
    ...queries.nextRuns(useClient(), stack, schedule),
    enabled: schedule.nextAt !== null,
  });
  if (schedule.pausedBy !== null) return <>paused by {schedule.pausedBy}</>;
  if (schedule.nextAt === null) return <>over</>;
  const runs = read.data?.items ?? [];
  if (runs.length === 0) return <time dateTime={schedule.nextAt}>{schedule.nextAt}</time>;
  return (
    <Column gap={2}>
      {runs.map((run) => (
        <time key={run.slot} dateTime={run.at}>
          {run.local}
        </time>
      ))}
    </Column>
  );
}

function LastSlot({ slot }: { slot: ScheduleSlot | null }) {
  if (slot === null) return <>none yet</>;
  return (
    <Column gap={2}>
      <span className="inline">
        <Status value={slot.deployment?.status ?? slot.outcome} />
        {slot.deployment !== null && (
          <Link to="/deployments/$id" params={{ id: slot.deployment.id }}>
            #{slot.deployment.number}
          </Link>
        )}
        <Age at={slot.slot} />
      </span>
      {slot.detail !== null && (
        <Text size="sm" c="dimmed">
          {slot.detail}
        </Text>
      )}
    </Column>
  );
}

function useChange(stack: StackPath) {
  const client: Client = useClient();
  const cache = useQueryClient();
  return useMutation({
    mutationFn: ({ name, how }: { name: string; how: "pause" | "resume" }) => {
      const params = { ...stack, schedule: name };
      return how === "pause" ? client.pauseSchedule({ params }) : client.resumeSchedule({ params });
    },
    onSettled: () => cache.invalidateQueries({ queryKey: queries.schedules(client, stack).queryKey }),
  });
}
