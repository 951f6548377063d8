import { Button, Group, Text, TextInput, UnstyledButton } from "@mantine/core";
import {
  byDanger,
  downstreamOf,
  type PlannedResource,
  type PreviewGraph,
  replacingPaths,
} from "@slipway/automation/client";
import { useMemo, useState } from "react";
import { DataTable } from "../components/DataTable.tsx";
import { Operation } from "./Operation.tsx";

const PAGE_ROWS = 50;

/** The same as the picture, in rows: what each resource needs, and how many are downstream of it; of a chosen one, those. */
export function DependencyTable({
  graph,
  chosen,
  onChoose,
}: {
  graph: PreviewGraph;
  chosen: string | null;
  onChoose: (urn: string | null) => void;
}) {
  const [typed, setTyped] = useState("");
  const [drawn, setDrawn] = useState(PAGE_ROWS);
  const name = (urn: string) => graph.resources.get(urn)?.name ?? urn;
  const rows = useMemo(() => {
    const lit = chosen === null ? null : downstreamOf(graph, chosen);
    const wanted = typed.trim().toLowerCase();
    return byDanger(
      [...graph.resources.values()].filter(
        (one) =>
          (lit === null || lit.has(one.urn)) &&
          (wanted === "" || `${one.name} ${one.type}`.toLowerCase().includes(wanted)),
      ),
    );
  }, [graph, chosen, typed]);
  return (
    <>
      <Group mb="sm" align="end">
        <TextInput
          label="Name or type"
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
          w="20rem"
          maw="100%"
        />
        {chosen !== null && (
          <Button variant="default" onClick={() => onChoose(null)}>
            Show all resources
          </Button>
        )}
      </Group>
      {chosen !== null && (
        <Text size="sm" mb="xs" role="status">
          {rows.length} {rows.length === 1 ? "resource is" : "resources are"} downstream of {name(chosen)}.
        </Text>
      )}
      <DataTable
        caption={
          chosen === null
            ? "Every resource with what needs it"
            : `What needs ${name(chosen)}, directly or not`
        }
        rows={rows.slice(0, drawn)}
        keyOf={({ urn }) => urn}
        columns={[
          { label: "What", cell: (one) => <Operation value={one.operation} /> },
          { label: "Name", cell: (one) => <span title={one.urn}>{one.name}</span> },
          { label: "Type", wide: true, cell: ({ type }) => type },
          { label: "Replaced because of", cell: (one) => replacingPaths(one).join(", ") || "–" },
          { label: "Needs", wide: true, cell: (one) => <Needs graph={graph} one={one} /> },
          {
            label: "Downstream",
            cell: (one) => <Downstream graph={graph} one={one} onChoose={onChoose} />,
          },
        ]}
        empty={chosen === null ? "No resource has that name or type." : "Nothing needs it."}
      />
      {drawn < rows.length && (
        <Button variant="default" mt="md" onClick={() => setDrawn(drawn + PAGE_ROWS)}>
          Show {Math.min(PAGE_ROWS, rows.length - drawn)} more of {rows.length - drawn}
        </Button>
      )}
    </>
  );
}

const NAMED = 4;

function Needs({ graph, one }: { graph: PreviewGraph; one: PlannedResource }) {
  const above = graph.above.get(one.urn) ?? [];
  if (above.length === 0) return <>–</>;
  const names = above.slice(0, NAMED).map(({ from }) => graph.resources.get(from)?.name ?? from);
  return (
    <>
      {names.join(", ")}
      {above.length > NAMED && ` and ${above.length - NAMED} more`}
    </>
  );
}

function Downstream({
  graph,
  one,
  onChoose,
}: {
  graph: PreviewGraph;
  one: PlannedResource;
  onChoose: (urn: string) => void;
}) {
  const count = useMemo(() => downstreamOf(graph, one.urn).size, [graph, one.urn]);
  if (count === 0) return <>nothing</>;
  return (
    <UnstyledButton className="show-all" onClick={() => onChoose(one.urn)}>
      {count} {count === 1 ? "resource" : "resources"}
    </UnstyledButton>
  );
}
