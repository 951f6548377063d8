import { Alert, Button, Code, Stack as Column, List, Text, TextInput, VisuallyHidden } from "@mantine/core";
import { resourceTree, type TreeRow } from "@slipway/automation/client";
import type { PendingOperation, StackPath } from "@slipway/automation/contract";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useClient } from "../api.ts";
import { DataTable } from "../components/DataTable.tsx";
import { Loading } from "../components/Loading.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { Status } from "../components/Status.tsx";
import { queries } from "../queries.ts";
import { providerName } from "./provider-name.ts";

/** More rows than this are drawn on request only. */
const DRAWN_ROWS = 300;
const INDENT_REM = 1.1;

/** The resources of the stack's current state, children below their parents, without values. */
export function ResourcesPanel({ stack }: { stack: StackPath }) {
  const read = useQuery(queries.resources(useClient(), stack));
  const [typed, setTyped] = useState("");
  const [all, setAll] = useState(false);
  if (read.data === undefined)
    return read.error === null ? <Loading what="resources" /> : <ProblemAlert error={read.error} />;
  const { items, pendingOperations, state } = read.data;
  const wanted = typed.trim().toLowerCase();
  const rows = resourceTree(items).filter(
    ({ resource }) => wanted === "" || `${resource.name} ${resource.type}`.toLowerCase().includes(wanted),
  );
  const names = new Map(items.map(({ urn, name }) => [urn, name]));
  const drawn = all ? rows : rows.slice(0, DRAWN_ROWS);
  return (
    <Column gap="md">
      {read.error !== null && <ProblemAlert error={read.error} />}
      <Pending operations={pendingOperations} />
      {items.length > 0 && (
        <TextInput
          label="Name or type"
          value={typed}
          maw="24rem"
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
      )}
      <DataTable
        caption={
          state === null ? "Resources" : `${rows.length} of ${items.length} resources of state ${state}`
        }
        rows={drawn}
        keyOf={({ resource }) => `${resource.urn} ${resource.id ?? ""} ${String(resource.pendingDeletion)}`}
        columns={[
          {
            label: "Name",
            cell: (row) => (
              <Name row={row} parent={names.get(row.resource.parent ?? "")} flat={wanted !== ""} />
            ),
          },
          { label: "Type", wide: true, cell: ({ resource }) => resource.type },
          { label: "Id", cell: ({ resource }) => (resource.id === null ? "–" : <Code>{resource.id}</Code>) },
          { label: "Provider", cell: ({ resource }) => providerName(resource.provider) ?? "–" },
          { label: "Marks", cell: ({ resource }) => <Marks resource={resource} /> },
        ]}
        empty={
          state === null
            ? "The stack has no state yet."
            : items.length === 0
              ? "The state has no resources."
              : "No resource has that name or type."
        }
      />
      {drawn.length < rows.length && (
        <Button variant="default" onClick={() => setAll(true)}>
          Show {rows.length - drawn.length} more
        </Button>
      )}
    </Column>
  );
}

function Name({ row, parent, flat }: { row: TreeRow; parent: string | undefined; flat: boolean }) {
  return (
    <span
      className="breakable"
      title={row.resource.urn}
      style={{ paddingInlineStart: flat ? 0 : `${row.depth * INDENT_REM}rem` }}
    >
      {row.resource.name}
      {/* The indent says it to those who see it. */}
      {parent !== undefined && <VisuallyHidden>, child of {parent}</VisuallyHidden>}
    </span>
  );
}

function Marks({ resource }: Pick<TreeRow, "resource">) {
  const marks = [
    resource.protect ? "protected" : null,
    resource.external ? "external" : null,
    resource.pendingDeletion ? "to be deleted" : null,
  ].filter((mark) => mark !== null);
  if (marks.length === 0) return <>–</>;
  return (
    <span className="inline">
      {marks.map((mark) => (
        <Status key={mark} value={mark} />
      ))}
    </span>
  );
}

function Pending({ operations }: { operations: readonly PendingOperation[] }) {
  if (operations.length === 0) return null;
  const title =
    operations.length === 1
      ? "Nobody knows how 1 operation ended"
      : `Nobody knows how ${operations.length} operations ended`;
  return (
    <Alert variant="default" className="alert-red" title={title}>
      <List size="sm">
        {operations.map((one) => (
          <List.Item key={`${one.operation} ${one.urn}`}>
            {one.operation} <strong>{one.name}</strong> {one.type}
          </List.Item>
        ))}
      </List>
      <Text size="sm">
        They were begun when the run broke off. A refresh settles what was to be changed or deleted. Of a
        create only the provider knows: <Code>pulumi refresh</Code> asks whether the resource is there, and
        for its id.
      </Text>
    </Alert>
  );
}
