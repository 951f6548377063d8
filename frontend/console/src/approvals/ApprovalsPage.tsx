import { Stack as Column, Text, Title } from "@mantine/core";
import { formatMissing } from "@slipway/automation/client";
import type { ApprovalSummary } from "@slipway/automation/contract";
import { type UseInfiniteQueryResult, useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useClient } from "../api.ts";
import type { Column as TableColumn } from "../components/DataTable.tsx";
import { PagedTable } from "../components/PagedTable.tsx";
import { usePageTitle } from "../components/page-title.ts";
import { queries } from "../queries.ts";
import { Countdown } from "./Countdown.tsx";
import { Emergencies } from "./Emergencies.tsx";
import { personOf } from "./people.ts";
import { RiskTierMark } from "./Risk.tsx";

/** What waits for the caller's vote or sign-off, and what waits for others. They are given on the deployment's own page, which shows what they are for. */
export function ApprovalsPage() {
  usePageTitle("Approvals");
  const client = useClient();
  const mine = useInfiniteQuery(queries.approvals(client, "me"));
  const all = useInfiniteQuery(queries.approvals(client, "anybody"));
  return (
    <Column gap="xl">
      <Title order={1} size="h2">
        Approvals
      </Title>
      <section aria-labelledby="mine">
        <Title order={2} size="h4" id="mine" mb="xs">
          Waiting for me
        </Title>
        <PagedTable
          query={mine}
          caption="What waits for you"
          keyOf={({ deploymentId }) => deploymentId}
          columns={COLUMNS}
          empty="Nothing waits for you."
        />
      </section>
      <section aria-labelledby="others">
        <Title order={2} size="h4" id="others" mb="xs">
          Waiting for others
        </Title>
        <PagedTable
          query={withoutMine(all)}
          caption="What waits for others"
          keyOf={({ deploymentId }) => deploymentId}
          columns={[...COLUMNS, { label: "Why not you", wide: true, cell: ({ me }) => me.why ?? "–" }]}
          empty="Nothing waits for others."
        />
      </section>
      <Emergencies />
      <Text size="sm">
        <Link to="/groups">Groups</Link> say who may vote; the rules of a stack are on its page.
      </Text>
    </Column>
  );
}

type Read = UseInfiniteQueryResult<{
  pages: { items: ApprovalSummary[]; next: string | null }[];
  pageParams: unknown[];
}>;

function withoutMine(read: Read): Read {
  if (read.data === undefined) return read;
  const pages = read.data.pages.map((page) => ({
    ...page,
    items: page.items.filter(({ me }) => !me.mayVote && !me.maySignOff),
  }));
  return { ...read, data: { ...read.data, pages } };
}

const COLUMNS: TableColumn<ApprovalSummary>[] = [
  {
    label: "Deployment",
    cell: ({ deploymentId, operation, number }) => (
      <Link to="/deployments/$id" params={{ id: deploymentId }}>
        {operation} #{number}
      </Link>
    ),
  },
  {
    label: "Stack",
    cell: ({ organisation, project, stack }) => (
      <Link
        to="/stacks/$organisation/$project/$stack"
        params={{ organisation, project, stack }}
        search={{ tab: "rules" }}
      >
        {project}/{stack}
      </Link>
    ),
  },
  { label: "Risk", cell: ({ risk }) => <RiskTierMark tier={risk.tier} /> },
  {
    label: "What",
    wide: true,
    cell: ({ risk, message }) => <What reasons={risk.reasons} message={message} />,
  },
  { label: "By", cell: ({ requestedBy }) => personOf(requestedBy) },
  {
    label: "Missing",
    cell: (one) => (one.state === "approved" ? "none: it begins" : formatMissing(one)),
  },
  { label: "Lapses", cell: ({ expiresAt }) => <Countdown to={expiresAt} /> },
];

function What({ reasons, message }: { reasons: readonly string[]; message: string | null }) {
  return (
    <>
      {message !== null && <div>{message}</div>}
      <div className="note">{reasons[0]}</div>
    </>
  );
}
