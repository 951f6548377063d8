import { Stack as Column, Title } from "@mantine/core";
import type { Freeze, PolicyRule, StackPath } from "@slipway/automation/contract";
import { useQuery } from "@tanstack/react-query";
import { useClient } from "../api.ts";
import { Age } from "../components/Age.tsx";
import { DataTable } from "../components/DataTable.tsx";
import { Loading } from "../components/Loading.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { policyQueries } from "./policy-queries.ts";

/** The policies that a stack must satisfy, and the windows in which nothing may change it. */
export function StackPolicies({ stack }: { stack: StackPath }) {
  const client = useClient();
  const policies = useQuery(policyQueries.set(client, stack));
  const freezes = useQuery(policyQueries.freezes(client, stack));
  return (
    <Column gap="md">
      <Title order={2} size="h4">
        Policies
      </Title>
      {policies.error !== null && <ProblemAlert error={policies.error} />}
      {policies.isPending && <Loading what="the policies" />}
      {policies.data !== undefined && (
        <DataTable
          caption="Policies that the stack must satisfy"
          rows={policies.data.rules}
          keyOf={({ id }) => id}
          columns={[
            { label: "Policy", cell: labelOf },
            { label: "Level", cell: ({ level }) => (level === "pack" ? "as the pack says" : level) },
            { label: "For", cell: scopeOf },
            { label: "Can be passed over", cell: ({ overridable }) => (overridable ? "yes" : "no") },
            { label: "Stops automatic rollbacks", cell: rollbacksOf },
            { label: "Since", cell: ({ enabledAt }) => <Age at={enabledAt} /> },
            { label: "By", cell: ({ enabledBy }) => enabledBy },
          ]}
          empty="No policies: an admin sets them with slipway policies enable."
        />
      )}
      <Title order={2} size="h4">
        Freezes
      </Title>
      {freezes.error !== null && <ProblemAlert error={freezes.error} />}
      {freezes.isPending && <Loading what="the freezes" />}
      {freezes.data !== undefined && (
        <DataTable
          caption="Windows in which nothing may change the stack"
          rows={freezes.data.items}
          keyOf={({ id }) => id}
          columns={[
            { label: "Now", cell: ({ active }) => (active ? "frozen" : "") },
            { label: "Windows", wide: true, cell: windowsOf },
            { label: "Covers", cell: coveredBy },
            { label: "Why", wide: true, cell: ({ reason }) => reason },
            { label: "By", cell: ({ setBy }) => setBy },
          ]}
          empty="Nothing is frozen, now or later."
        />
      )}
    </Column>
  );
}

function labelOf({ kind, pack }: PolicyRule): string {
  return pack === null ? kind : `${pack.name} ${pack.version}`;
}

function rollbacksOf({ kind, holdsForRollbacks }: PolicyRule): string {
  return holdsForRollbacks || kind === "protected-types" ? "all" : "to newer releases";
}

function scopeOf({ organisation, project, tag }: PolicyRule): string {
  const of = project === null ? `all of ${organisation}` : `the project ${project}`;
  return tag === null ? of : `${of} with ${tag.name}=${tag.value}`;
}

function coveredBy({ organisation, project, stack }: Freeze): string {
  if (project === null) return `all of ${organisation}`;
  return stack === null ? `the project ${project}` : "this stack";
}

function windowsOf({ windows }: Freeze): string {
  return windows.map(({ localFrom, localUntil }) => `${localFrom} to ${localUntil}`).join("; ");
}
