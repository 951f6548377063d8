import { Code } from "@mantine/core";
import type { AuditEntry, StackPath } from "@slipway/automation/contract";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useClient } from "../api.ts";
import { Age } from "../components/Age.tsx";
import type { Column } from "../components/DataTable.tsx";
import { PagedTable } from "../components/PagedTable.tsx";
import { queries } from "../queries.ts";

/** Audit entries: who did what to which subject, with the details of each kind of action. */
export function AuditTable({ filter }: { filter: Partial<StackPath> & { action?: string } }) {
  return (
    <PagedTable
      query={useInfiniteQuery(queries.audit(useClient(), filter))}
      caption="Audit entries, newest first"
      keyOf={(entry) => String(entry.sequence)}
      columns={COLUMNS}
      empty="No entries."
    />
  );
}

const COLUMNS: Column<AuditEntry>[] = [
  { label: "When", cell: (entry) => <Age at={entry.at} /> },
  { label: "Who", cell: (entry) => entry.principal },
  { label: "Action", cell: (entry) => <Code>{entry.action}</Code> },
  { label: "Subject", cell: (entry) => entry.subject },
  { label: "Details", wide: true, cell: (entry) => <Details details={entry.details} /> },
];

function Details({ details }: { details: AuditEntry["details"] }) {
  const all = Object.entries(details).filter(([, value]) => value !== null);
  if (all.length === 0) return <>–</>;
  return (
    <dl className="details">
      {all.map(([key, value]) => (
        <div key={key}>
          <dt>{key}</dt>
          <dd>{typeof value === "string" ? value : JSON.stringify(value)}</dd>
        </div>
      ))}
    </dl>
  );
}
