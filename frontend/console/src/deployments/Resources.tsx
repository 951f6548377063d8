import { Checkbox, Group, Text, Title } from "@mantine/core";
import {
  type DeploymentProgress,
  isUnchanged,
  pastTense,
  presentTense,
  type ResourceProgress,
  resourceRows,
} from "@slipway/automation/client";
import { useState } from "react";
import { DataTable } from "../components/DataTable.tsx";
import { Elapsed } from "../components/Elapsed.tsx";

/** One row a resource, as the engine reports on it. */
export function Resources({
  progress,
  ended,
  wholeSeconds = false,
}: {
  progress: DeploymentProgress;
  ended: boolean;
  /** The instants of its events are cut to seconds, as the Pulumi CLI sends them. */
  wholeSeconds?: boolean;
}) {
  const [includeUnchanged, setIncludeUnchanged] = useState(false);
  if (progress.resources.length === 0) return null;
  const unchanged = resourceRows(progress, { includeUnchanged: true }).filter(isUnchanged).length;
  const rows = resourceRows(progress, { includeUnchanged });
  return (
    <section aria-labelledby="resources">
      <Group justify="space-between" mb="xs">
        <Title order={2} size="h4" id="resources">
          Resources
        </Title>
        {unchanged > 0 && (
          <Checkbox
            label={`Show ${unchanged} unchanged`}
            checked={includeUnchanged}
            onChange={(event) => setIncludeUnchanged(event.currentTarget.checked)}
          />
        )}
      </Group>
      <DataTable
        caption="What happens to each resource"
        rows={rows}
        keyOf={(one) => one.urn}
        columns={[
          { label: "State", cell: (one) => <State one={one} /> },
          { label: "Name", cell: (one) => <span title={one.urn}>{one.name}</span> },
          { label: "Type", wide: true, cell: (one) => one.resourceType },
          { label: "Changed", cell: (one) => one.changedProperties.join(", ") || "–" },
          {
            label: "Took",
            cell: (one) => <Took one={one} ended={ended} wholeSeconds={wholeSeconds} />,
          },
        ]}
        empty={<Text c="dimmed">No resource needs a change.</Text>}
      />
    </section>
  );
}

function Took({
  one: { state, startedAt, finishedAt },
  ended,
  wholeSeconds,
}: {
  one: ResourceProgress;
  ended: boolean;
  wholeSeconds: boolean;
}) {
  if (state === "unknown") return <>–</>;
  if (wholeSeconds && finishedAt !== null && finishedAt === startedAt) return <>under 1 s</>;
  return <Elapsed from={startedAt} to={finishedAt ?? (ended ? startedAt : null)} />;
}

const SIGNS: Readonly<Record<string, string>> = { create: "+", update: "~", replace: "±", delete: "−" };

function State({ one }: { one: ResourceProgress }) {
  const sign = SIGNS[one.operation] ?? "·";
  const [tone, text] = stateOf(one);
  return (
    <span className={`status status-${tone}`}>
      <span aria-hidden="true">{one.state === "failed" ? "✗" : sign}</span> {text}
    </span>
  );
}

function stateOf(one: ResourceProgress): [tone: string, text: string] {
  switch (one.state) {
    case "planned":
      return ["calm", one.operation === "same" ? "unchanged" : `to ${one.operation}`];
    case "started":
      return ["busy", presentTense(one.operation)];
    case "succeeded":
      return [one.operation === "same" ? "calm" : "good", pastTense(one.operation)];
    case "failed":
      return ["bad", `${one.operation} failed`];
    case "unknown":
      return ["warn", `${one.operation}: unknown`];
  }
}
