import { Button, Stack as Column, Group, Text, Title } from "@mantine/core";
import type { DriftAlert, StackPath } from "@slipway/automation/contract";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useClient } from "../api.ts";
import { Age } from "../components/Age.tsx";
import { PagedTable } from "../components/PagedTable.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { Status } from "../components/Status.tsx";
import { queries } from "../queries.ts";
import { AdoptDialog } from "./AdoptDialog.tsx";
import { IgnoreDialog } from "./IgnoreDialog.tsx";
import { useRemediation } from "./use-remediation.ts";
import { Value } from "./Value.tsx";

/** The open alerts of a stack: what differs since when, the one thing that undoes all of it, and what else can be done about each. */
export function OpenAlerts({ stack, isChecked }: { stack: StackPath; isChecked: boolean }) {
  const alerts = useInfiniteQuery(queries.driftAlerts(useClient(), stack, "open"));
  const remediation = useRemediation(stack);
  const [ignoring, setIgnoring] = useState<DriftAlert | null>(null);
  const [adopting, setAdopting] = useState<DriftAlert | null>(null);
  const first = alerts.data?.pages[0]?.items.find(({ urn }) => urn !== null);
  const underWay = first?.remediation ?? null;
  return (
    <section aria-labelledby="open-alerts">
      <Group justify="space-between" mb="xs">
        <Title order={2} size="h4" id="open-alerts">
          Open alerts
        </Title>
        {first !== undefined && (
          <Button loading={remediation.isPending} onClick={() => remediation.mutate(first.id)}>
            Undo the drift
          </Button>
        )}
      </Group>
      {first !== undefined && (
        <Text size="sm" c="dimmed" mb="xs">
          Undoing deploys the release that runs once more, after reading what is really there. Its preview,
          votes and gates are those of any deployment.
        </Text>
      )}
      {underWay !== null && (
        <Text size="sm" mb="xs" className="inline">
          Asked for: <Status value={underWay.status} />
          <Link to="/deployments/$id" params={{ id: underWay.id }}>
            deployment
          </Link>
        </Text>
      )}
      {remediation.error !== null && <ProblemAlert error={remediation.error} />}
      <PagedTable
        query={alerts}
        caption="Open drift alerts"
        keyOf={(one) => one.id}
        empty={
          isChecked
            ? "Nothing that anybody has to look at."
            : "The stack was never checked: whether anything differs is not known."
        }
        columns={[
          { label: "Since", cell: (one) => <Age at={one.openedAt} /> },
          { label: "What", wide: true, cell: (one) => <What alert={one} /> },
          {
            label: "Actions",
            cell: (one) =>
              one.urn === null ? null : (
                <Group gap="xs">
                  <Button
                    size="compact-sm"
                    variant="default"
                    aria-label={`Keep: ${one.summary}`}
                    onClick={() => setAdopting(one)}
                  >
                    Keep…
                  </Button>
                  <Button
                    size="compact-sm"
                    variant="default"
                    aria-label={`Ignore: ${one.summary}`}
                    onClick={() => setIgnoring(one)}
                  >
                    Ignore…
                  </Button>
                </Group>
              ),
          },
        ]}
      />
      {ignoring !== null && <IgnoreDialog stack={stack} alert={ignoring} onClose={() => setIgnoring(null)} />}
      {adopting !== null && <AdoptDialog stack={stack} alert={adopting} onClose={() => setAdopting(null)} />}
    </section>
  );
}

/** Alerts that are over, and why. */
export function ClosedAlerts({ stack }: { stack: StackPath }) {
  const alerts = useInfiniteQuery(queries.driftAlerts(useClient(), stack, "closed"));
  return (
    <PagedTable
      query={alerts}
      caption="Closed drift alerts"
      keyOf={(one) => one.id}
      empty="No alert was ever closed."
      columns={[
        { label: "Closed", cell: (one) => (one.closedAt === null ? null : <Age at={one.closedAt} />) },
        { label: "What", wide: true, cell: (one) => <What alert={one} /> },
        { label: "Because", cell: (one) => (one.closedBecause === null ? "" : ENDS[one.closedBecause]) },
      ]}
    />
  );
}

const ENDS = {
  resolved: "it differs no more",
  changed: "it has yet another value",
  ignored: "a rule ignores it",
  checked: "it can be checked again",
} as const;

function What({ alert: { summary, urn, value } }: { alert: DriftAlert }) {
  return (
    <Column gap={2}>
      <span>{summary}</span>
      {value !== null && <Value of={value} />}
      {urn !== null && (
        <Text size="xs" c="dimmed">
          {urn}
        </Text>
      )}
    </Column>
  );
}
