import { Text, Title } from "@mantine/core";
import type { AccountedResource, Deployment } from "@slipway/automation/contract";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useClient } from "../api.ts";
import { PagedTable } from "../components/PagedTable.tsx";
import { queries } from "../queries.ts";

const OUTCOMES = {
  unknown: ["warn", "unknown"],
  not_done: ["calm", "not done"],
  done: ["good", "done"],
} as const satisfies Record<AccountedResource["outcome"], readonly [string, string]>;

/** What became of each resource of a deployment that did not end by itself; what nobody knows first. */
export function Account({ id, resources }: Pick<Deployment, "id" | "resources">) {
  if (resources === null) return null;
  const { done, notDone, unknown, planned } = resources;
  if (done + notDone + unknown === 0) return null;
  return (
    <section aria-labelledby="account">
      <Title order={2} size="h4" id="account" mb="xs">
        What was done
      </Title>
      <Text size="sm" mb="xs">
        {done} done, {notDone} not done, {unknown} unknown.
        {!planned && " There was no preview, so that what was still to come is not counted."}
      </Text>
      <AccountTable id={id} />
    </section>
  );
}

function AccountTable({ id }: { id: string }) {
  const read = useInfiniteQuery(queries.account(useClient(), id));
  return (
    <PagedTable
      query={read}
      caption="What became of each resource"
      keyOf={(one) => `${one.operation} ${one.urn}`}
      columns={[
        { label: "Outcome", cell: (one) => <Outcome outcome={one.outcome} /> },
        { label: "Operation", cell: (one) => one.operation },
        { label: "Name", cell: (one) => <span title={one.urn}>{one.name}</span> },
        { label: "Type", wide: true, cell: (one) => one.type },
        { label: "Why", wide: true, cell: (one) => one.detail ?? "–" },
      ]}
      empty={<Text c="dimmed">Nothing is to be accounted for.</Text>}
    />
  );
}

function Outcome({ outcome }: { outcome: AccountedResource["outcome"] }) {
  const [tone, text] = OUTCOMES[outcome];
  return <span className={`status status-${tone}`}>{text}</span>;
}
