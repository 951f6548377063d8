import "@xyflow/react/dist/base.css";
import "./picture.css";
import { Checkbox, Group, Text, UnstyledButton } from "@mantine/core";
import { downstreamOf, type PreviewGraph } from "@slipway/automation/client";
import {
  Background,
  Controls,
  type Edge,
  Handle,
  type Node,
  type NodeProps,
  Position,
  ReactFlow,
} from "@xyflow/react";
import { useEffect, useMemo, useState } from "react";
import { Loading } from "../components/Loading.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { drawnPart, MOST_DRAWN } from "./drawn-part.ts";
import { BOX, type Place, placeBoxes } from "./layout.ts";
import { Operation } from "./Operation.tsx";

type BoxData = {
  name: string;
  type: string;
  operation: string;
  /** `chosen`, `downstream` of what is chosen, or neither. */
  light: "chosen" | "downstream" | "dim" | "none";
  onChoose: () => void;
};
type Box = Node<BoxData, "resource">;

/** The resources of a preview as boxes, what is needed to the left of what needs it. Choosing one lights up all that is downstream of it. */
export default function PreviewPicture({
  graph,
  chosen,
  onChoose,
}: {
  graph: PreviewGraph;
  chosen: string | null;
  onChoose: (urn: string | null) => void;
}) {
  const [unchanged, setUnchanged] = useState(false);
  // Of a preview that is too large, another choice is another picture; else the picture stays as it is.
  const whole = useMemo(() => drawnPart(graph, null, unchanged), [graph, unchanged]);
  const part = useMemo(
    () => (whole.of <= MOST_DRAWN ? whole : drawnPart(graph, chosen, unchanged)),
    [graph, chosen, unchanged, whole],
  );
  const edges = useMemo(
    () => graph.edges.filter(({ from, to }) => part.urns.has(from) && part.urns.has(to)),
    [graph, part],
  );
  const { places, error } = usePlaces(part.urns, edges);
  const lit = useMemo(() => (chosen === null ? null : downstreamOf(graph, chosen)), [graph, chosen]);
  const boxes = useMemo(
    () =>
      [...part.urns].flatMap((urn): Box[] => {
        const [resource, position] = [graph.resources.get(urn), places?.get(urn)];
        if (resource === undefined || position === undefined) return [];
        const { name, type, operation } = resource;
        const light = lit === null ? "none" : urn === chosen ? "chosen" : lit.has(urn) ? "downstream" : "dim";
        const choose = () => onChoose(urn === chosen ? null : urn);
        const data = { name, type, operation, light, onChoose: choose } as const;
        return [{ id: urn, type: "resource", position, data, ...BOX }];
      }),
    [part, places, graph, lit, chosen, onChoose],
  );
  const lines = useMemo(
    () =>
      edges.map(({ from, to, kind, carries }): Edge => {
        const isLit = lit !== null && (from === chosen || lit.has(from)) && lit.has(to);
        const classes = [`edge-${kind}`, carries.length > 0 ? "edge-carries" : "", isLit ? "edge-lit" : ""];
        return {
          id: `${from} ${to}`,
          source: from,
          target: to,
          className: classes.join(" "),
          ...(carries.length > 0 ? { label: carries.join(", ") } : {}),
        };
      }),
    [edges, lit, chosen],
  );
  return (
    <>
      <Group justify="space-between" mb="xs">
        <Text size="sm" role="status">
          {part.around !== null &&
            `${part.urns.size} of ${whole.of} resources, those around ${graph.resources.get(part.around)?.name}: choose another one in the table. `}
          {lit !== null &&
            `${lit.size} ${lit.size === 1 ? "resource is" : "resources are"} downstream of ${graph.resources.get(chosen ?? "")?.name}.`}
        </Text>
        <Checkbox
          label="Show what stays as it is"
          checked={unchanged}
          onChange={(event) => setUnchanged(event.currentTarget.checked)}
        />
      </Group>
      {error !== null && <ProblemAlert error={error} />}
      {places === null && error === null && <Loading what="the picture" />}
      {places !== null && (
        <div className="picture" data-ready="true">
          <ReactFlow
            // Another part is another picture, fitted anew.
            key={part.around ?? String(unchanged)}
            nodes={boxes}
            edges={lines}
            nodeTypes={NODE_TYPES}
            fitView
            fitViewOptions={{ maxZoom: 1 }}
            minZoom={0.1}
            onlyRenderVisibleElements={boxes.length > 60}
            nodesDraggable={false}
            nodesConnectable={false}
            nodesFocusable={false}
            edgesFocusable={false}
            elementsSelectable={false}
            // The page scrolls over it; it is moved by dragging and by its buttons.
            zoomOnScroll={false}
            preventScrolling={false}
          >
            <Background />
            <Controls showInteractive={false} />
          </ReactFlow>
        </div>
      )}
    </>
  );
}

function usePlaces(urns: ReadonlySet<string>, edges: Parameters<typeof placeBoxes>[1]) {
  const [placed, setPlaced] = useState<{
    of: unknown;
    places: ReadonlyMap<string, Place> | null;
    error: unknown;
  }>({ of: null, places: null, error: null });
  useEffect(() => {
    const stopping = new AbortController();
    placeBoxes([...urns], edges, stopping.signal)
      .then((places) => setPlaced({ of: urns, places, error: null }))
      .catch((error: unknown) => {
        if (!stopping.signal.aborted) setPlaced({ of: urns, places: null, error });
      });
    return () => stopping.abort();
  }, [urns, edges]);
  return placed.of === urns ? placed : { places: null, error: null };
}

function ResourceBox({ data }: NodeProps<Box>) {
  return (
    <>
      <Handle type="target" position={Position.Left} isConnectable={false} />
      <UnstyledButton
        className={`box nopan box-${data.light}`}
        aria-pressed={data.light === "chosen"}
        onClick={data.onChoose}
      >
        <span className="box-head">
          <Operation value={data.operation} />
          <span className="box-type">{data.type.split(":").at(-1)}</span>
        </span>
        <span className="box-name">{data.name}</span>
      </UnstyledButton>
      <Handle type="source" position={Position.Right} isConnectable={false} />
    </>
  );
}

const NODE_TYPES = { resource: ResourceBox };
