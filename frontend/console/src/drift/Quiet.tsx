import { Button, Stack as Column, Text } from "@mantine/core";
import type { DriftIgnore, DriftVolatile, StackPath } from "@slipway/automation/contract";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useClient } from "../api.ts";
import { Age } from "../components/Age.tsx";
import { DataTable } from "../components/DataTable.tsx";
import { exactTime } from "../components/instants.ts";
import { Loading } from "../components/Loading.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { queries } from "../queries.ts";

/** What is quiet on a stack: the rules that people made, and the outputs that were learned to move by themselves. */
export function Quiet({ stack }: { stack: StackPath }) {
  const client = useClient();
  const cache = useQueryClient();
  const rules = useQuery(queries.driftIgnores(client, stack));
  const learned = useQuery(queries.driftVolatile(client, stack));
  const remove = useMutation({
    mutationFn: (rule: string) => client.removeDriftIgnore({ params: { ...stack, rule } }),
    onSettled: () => cache.invalidateQueries({ queryKey: queries.driftIgnores(client, stack).queryKey }),
  });
  const turn = useMutation({
    mutationFn: ({ urn, path, switchedOffAt }: DriftVolatile) =>
      client.switchDriftVolatile({ params: stack, body: { urn, path, off: switchedOffAt === null } }),
    onSettled: () => cache.invalidateQueries({ queryKey: queries.driftVolatile(client, stack).queryKey }),
  });
  const error = rules.error ?? learned.error ?? remove.error ?? turn.error;
  // Nothing is said to be quiet, or not, before it is known.
  if (rules.data === undefined || learned.data === undefined)
    return error === null ? <Loading what="what is quiet" /> : <ProblemAlert error={error} />;
  return (
    <Column gap="md">
      {error !== null && <ProblemAlert error={error} />}
      <DataTable
        caption="Rules that ignore drift"
        rows={rules.data.items.filter(({ status }) => status === "active")}
        keyOf={(one) => one.id}
        empty="No rule ignores anything."
        columns={[
          { label: "Resources", wide: true, cell: (one) => <code>{one.urn}</code> },
          { label: "Property", cell: (one) => (one.path === null ? "all of it" : <code>{one.path}</code>) },
          { label: "Why", wide: true, cell: (one) => <Why rule={one} /> },
          { label: "Until", cell: (one) => exactTime(one.expiresAt) },
          {
            label: "Actions",
            cell: (one) => (
              <Button
                size="compact-sm"
                variant="default"
                disabled={remove.isPending}
                aria-label={`End the rule for ${one.urn}`}
                onClick={() => remove.mutate(one.id)}
              >
                End
              </Button>
            ),
          },
        ]}
      />
      <DataTable
        caption="Outputs that move by themselves"
        rows={learned.data.items}
        keyOf={(one) => `${one.urn} ${one.path}`}
        empty="No output was learned to move by itself."
        columns={[
          { label: "Resource", cell: (one) => one.name },
          { label: "Output", wide: true, cell: (one) => <code>{one.path}</code> },
          { label: "Last moved", cell: (one) => <Age at={one.movedAt} /> },
          {
            label: "Actions",
            cell: (one) => (
              <Button
                size="compact-sm"
                variant="default"
                disabled={turn.isPending}
                aria-label={`${one.switchedOffAt === null ? "Count" : "Leave out"} ${one.path} of ${one.name}`}
                onClick={() => turn.mutate(one)}
              >
                {one.switchedOffAt === null ? "Count it again" : "Leave it out"}
              </Button>
            ),
          },
        ]}
      />
    </Column>
  );
}

function Why({ rule: { reason, createdBy, flagged } }: { rule: DriftIgnore }) {
  return (
    <Column gap={2}>
      <span>
        {reason} ({createdBy})
      </span>
      {flagged && (
        <Text size="sm" c="dimmed">
          It has matched nothing for 30 days: is it still needed?
        </Text>
      )}
    </Column>
  );
}
