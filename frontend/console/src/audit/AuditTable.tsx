import { Code } from "@mantine/core";
import { describeClaims, describeClient } from "@slipway/automation/client";
import type { AuditEntry, StackPath } from "@slipway/automation/contract";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
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
  { label: "Who", cell: (entry) => <Principal name={entry.principal} /> },
  { label: "Action", cell: (entry) => <Code>{entry.action}</Code> },
  { label: "Subject", cell: (entry) => <span className="breakable">{entry.subject}</span> },
  { label: "Details", wide: true, cell: (entry) => <Details details={entry.details} /> },
];

/** Ids and digests are cut to what people compare; the whole is in the tooltip. */
const SHORT = 8;
const LONG_NAME = /^(.*[:])?([0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{64})$/;

function Principal({ name }: { name: string }) {
  return <span title={name}>{shortened(name)}</span>;
}

function Details({ details }: { details: AuditEntry["details"] }) {
  const all = Object.entries(details).filter(([, value]) => !isEmpty(value));
  if (all.length === 0) return <>–</>;
  return (
    <dl className="details">
      {all.map(([key, value]) => (
        <div key={key}>
          <dt>{key}</dt>
          <dd>
            <Detail name={key} value={value} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Detail({ name, value }: { name: string; value: unknown }) {
  if (name === "claimed") return <Claims value={value} />;
  if (typeof value !== "string") return <>{JSON.stringify(value)}</>;
  if ((name === "deployment" || name === "causedBy") && LONG_NAME.test(value))
    return (
      <Link to="/deployments/$id" params={{ id: value }}>
        {shortened(value)}
      </Link>
    );
  if (name === "update" && LONG_NAME.test(value))
    return (
      <Link to="/updates/$id" params={{ id: value }}>
        {shortened(value)}
      </Link>
    );
  return <span title={value}>{shortened(value)}</span>;
}

/** What a client said of itself: the gist, and on request all of it. */
function Claims({ value }: { value: unknown }) {
  const said = Object.entries(typeof value === "object" && value !== null ? value : {}).map(
    ([key, one]): [string, string] => [key, typeof one === "string" ? one : JSON.stringify(one)],
  );
  const claimed = Object.fromEntries(said);
  const client = claimed.client === undefined ? null : describeClient(claimed.client);
  const gist = [client, claimed.message, describeClaims(claimed)].filter((part) => part != null);
  return (
    <details>
      <summary>by the client: {gist.length > 0 ? gist.join("; ") : `${said.length} values`}</summary>
      <dl className="facts">
        {said.map(([key, one]) => (
          <div key={key}>
            <dt>{key}</dt>
            <dd>{one}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}

function shortened(name: string): string {
  const [, kind, id] = LONG_NAME.exec(name) ?? [];
  return id === undefined ? name : `${kind ?? ""}${id.slice(0, SHORT)}`;
}

function isEmpty(value: unknown): boolean {
  return value === null || (typeof value === "object" && Object.keys(value).length === 0);
}
