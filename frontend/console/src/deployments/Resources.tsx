import { Button, Checkbox, Group, Text, Title } from "@mantine/core";
import {
  type DeploymentProgress,
  isUnchanged,
  pastTense,
  presentTense,
  type ResourceProgress,
  resourceRows,
} from "@slipway/automation/client";
import { useMemo, useState } from "react";
import { DataTable } from "../components/DataTable.tsx";
import { Elapsed } from "../components/Elapsed.tsx";

/** More rows than this are drawn on request only: all are drawn anew with each event. */
const PAGE_ROWS = 100;
/** What a person wants to see first of very many. */
const ORDER: readonly ResourceProgress["state"][] = ["failed", "unknown", "started", "planned", "succeeded"];

/** One row a resource, as the engine reports on it; of very many those first that failed or are under way. */
export function Resources({
  progress,
  ended,
  failed,
  wholeSeconds = false,
}: {
  progress: DeploymentProgress;
  ended: boolean;
  /** It did not come to its end: what it did not come to is not known to need nothing. */
  failed: boolean;
  /** The instants of its events are cut to seconds, as the Pulumi CLI sends them. */
  wholeSeconds?: boolean;
}) {
  const [includeUnchanged, setIncludeUnchanged] = useState(false);
  const [drawn, setDrawn] = useState(PAGE_ROWS);
  const { rows, unchanged } = useMemo(() => {
    const all = resourceRows(progress, { includeUnchanged: true });
    const shown = includeUnchanged ? all : all.filter((one) => !isUnchanged(one));
    const isLong = shown.length > PAGE_ROWS;
    return {
      rows: isLong ? shown.toSorted((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state)) : shown,
      unchanged: all.filter(isUnchanged).length,
    };
  }, [progress, includeUnchanged]);
  if (progress.resources.length === 0) return null;
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
        rows={rows.slice(0, drawn)}
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
        empty={<Text c="dimmed">{failed ? "No resource was changed." : "No resource needs a change."}</Text>}
      />
      {drawn < rows.length && (
        <Button variant="default" mt="md" onClick={() => setDrawn(drawn + PAGE_ROWS)}>
          Show {Math.min(PAGE_ROWS, rows.length - drawn)} more of {rows.length - drawn}
        </Button>
      )}
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
