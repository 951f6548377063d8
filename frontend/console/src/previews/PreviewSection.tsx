import {
  Button,
  Chip,
  Stack as Column,
  Group,
  SegmentedControl,
  Text,
  TextInput,
  Title,
} from "@mantine/core";
import { useDebouncedValue, useMediaQuery } from "@mantine/hooks";
import { previewGraph, sortOperations } from "@slipway/automation/client";
import type { DeploymentPreview } from "@slipway/automation/contract";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useMemo, useState } from "react";
import { useClient } from "../api.ts";
import { Loading } from "../components/Loading.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { queries } from "../queries.ts";
import { DependencyTable } from "./DependencyTable.tsx";
import { graphSteps } from "./graph-steps.ts";
import { PlannedRow } from "./PlannedRow.tsx";
import { ReplaceChains } from "./ReplaceChains.tsx";

const TYPING_PAUSE_MS = 250;
/** Mantine's breakpoint of phones. */
const NARROW = "(max-width: 48em)";
/** With its layout engine it is larger than the rest of the console: loaded when it is asked for. */
const PreviewPicture = lazy(() => import("./PreviewPicture.tsx"));

type View = "properties" | "dependencies";

/** What a preview would change, resource by resource and property by property; and what else that touches. */
export function PreviewSection({ preview }: { preview: DeploymentPreview }) {
  const [view, setView] = useState<View>("properties");
  return (
    <section aria-labelledby="preview">
      <Group justify="space-between" mb="xs">
        <Title order={2} size="h4" id="preview">
          What changes
        </Title>
        <SegmentedControl
          aria-label="What to show of the preview"
          value={view}
          onChange={(value) => setView(value === "dependencies" ? "dependencies" : "properties")}
          data={[
            { value: "properties", label: "Properties" },
            { value: "dependencies", label: "What else changes" },
          ]}
        />
      </Group>
      {preview.truncated && (
        <Text size="sm" mb="xs" role="status">
          The preview has {preview.stepCount} resources, more than can be kept: unchanged ones and the values
          of some are left out here.
        </Text>
      )}
      {view === "properties" ? <Properties preview={preview} /> : <Dependencies id={preview.deploymentId} />}
    </section>
  );
}

function Properties({ preview }: { preview: DeploymentPreview }) {
  const { deploymentId: id, attempt, counts } = preview;
  const [operation, setOperation] = useState<string | null>(null);
  const [typed, setTyped] = useState("");
  const [search] = useDebouncedValue(typed.trim(), TYPING_PAUSE_MS);
  const read = useInfiniteQuery(queries.previewSteps(useClient(), id, attempt, { operation, search }));
  const rows = read.data?.pages.flatMap(({ items }) => items);
  const words = sortOperations(Object.entries(counts));
  return (
    <Column gap="sm">
      <Group gap="xs" align="end">
        <Chip.Group
          value={operation ?? ""}
          onChange={(value) => setOperation(value === "" || Array.isArray(value) ? null : value)}
        >
          <Chip value="" size="sm">
            All changes
          </Chip>
          {words.map(([word, count]) => (
            <Chip key={word} value={word} size="sm">
              {word === "same" ? `${count} unchanged` : `${count} to ${word}`}
            </Chip>
          ))}
        </Chip.Group>
        <TextInput
          label="Name or type"
          size="sm"
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
      </Group>
      {read.error !== null && <ProblemAlert error={read.error} />}
      {rows === undefined && read.error === null && <Loading what="what changes" />}
      {rows !== undefined && rows.length === 0 && (
        <Text c="dimmed">
          {search === "" ? "No resource needs a change." : "No resource has that name or type."}
        </Text>
      )}
      <div>
        {rows?.map((step) => (
          <PlannedRow key={`${step.operation} ${step.urn}`} step={step} opened={rows.length === 1} />
        ))}
      </div>
      {read.hasNextPage && (
        <Group>
          <Button
            variant="default"
            loading={read.isFetchingNextPage}
            onClick={() => {
              void read.fetchNextPage();
            }}
          >
            Show more
          </Button>
        </Group>
      )}
    </Column>
  );
}

function Dependencies({ id }: { id: string }) {
  const read = useQuery(queries.previewGraph(useClient(), id));
  const isNarrow = useMediaQuery(NARROW, false, { getInitialValueInEffect: false });
  const [form, setForm] = useState<"picture" | "table" | null>(null);
  const [chosen, setChosen] = useState<string | null>(null);
  const graph = useMemo(
    () => (read.data === undefined ? null : previewGraph(graphSteps(read.data))),
    [read.data],
  );
  if (graph === null)
    return read.error === null ? <Loading what="the dependencies" /> : <ProblemAlert error={read.error} />;
  const shown = form ?? (isNarrow ? "table" : "picture");
  return (
    <Column gap="md">
      <ReplaceChains graph={graph} />
      <Group>
        <SegmentedControl
          aria-label="As a picture or as a table"
          value={shown}
          onChange={(value) => setForm(value === "table" ? "table" : "picture")}
          data={[
            { value: "picture", label: "Picture" },
            { value: "table", label: "Table" },
          ]}
        />
        {shown === "picture" && (
          <Text size="sm" c="dimmed">
            What is needed is left of what needs it. Choose a resource to see all that is downstream of it.
          </Text>
        )}
      </Group>
      {shown === "table" ? (
        <DependencyTable key={chosen ?? ""} graph={graph} chosen={chosen} onChoose={setChosen} />
      ) : (
        <Suspense fallback={<Loading what="the picture" />}>
          <PreviewPicture graph={graph} chosen={chosen} onChoose={setChosen} />
        </Suspense>
      )}
    </Column>
  );
}
