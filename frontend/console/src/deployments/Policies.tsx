import { Button, Stack as Column, Group, Text, Textarea, Title } from "@mantine/core";
import type { DeploymentPolicies } from "@slipway/automation/contract";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useClient } from "../api.ts";
import { personOf } from "../approvals/people.ts";
import { DataTable } from "../components/DataTable.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { Status } from "../components/Status.tsx";
import { queries } from "../queries.ts";

const LEAST_REASON_CHARACTERS = 10;

/** What policies said of a deployment, with a way to answer for violations where that is allowed; nothing when they had nothing to say. */
export function Policies({ id, status }: { id: string; status: string }) {
  const read = useQuery(queries.deploymentPolicies(useClient(), id, status));
  if (read.error !== null) return <ProblemAlert error={read.error} />;
  if (read.data === undefined || (read.data.items.length === 0 && read.data.letThroughBy === null))
    return null;
  const { data } = read;
  return (
    <section aria-labelledby="policies">
      <Title order={2} size="h4" id="policies" mb="xs">
        Policies
      </Title>
      {data.letThroughBy !== null && (
        <Text size="sm" mb="xs">
          {personOf(data.letThroughBy.overriddenBy)} answered for its violations: {data.letThroughBy.reason}
        </Text>
      )}
      <DataTable
        caption="What policies said, what stops it first"
        rows={data.items.toSorted((a, b) => rankOf(a) - rankOf(b))}
        keyOf={(one) => `${one.step} ${one.pack} ${one.policy} ${one.urn ?? ""} ${one.message}`}
        columns={[
          { label: "Policy", cell: ({ pack, policy }) => `${pack}: ${policy}` },
          { label: "Level", cell: ({ level }) => level },
          { label: "Outcome", cell: ({ outcome, level }) => <Outcome outcome={outcome} level={level} /> },
          {
            label: "Resource",
            cell: ({ urn }) => <span title={urn ?? ""}>{urn?.split("::").at(-1) ?? "the stack"}</span>,
          },
          { label: "Why", wide: true, cell: ({ message }) => message },
        ]}
        empty=""
      />
      {data.checked?.stopped === true && data.override === null && data.overridable && (
        <Override id={id} seal={data.checked.seal} />
      )}
      {data.override !== null && (
        <Text size="sm" mt="xs">
          {personOf(data.override.overriddenBy)} answers for these violations: one like it, unchanged, may
          pass once.
        </Text>
      )}
    </section>
  );
}

type Result = DeploymentPolicies["items"][number];

function rankOf({ outcome, level }: Result): number {
  if (outcome === "violated") return level === "mandatory" ? 0 : 1;
  return outcome === "overridden" ? 2 : 3;
}

function Outcome({ outcome, level }: Pick<Result, "outcome" | "level">) {
  return <Status value={outcome === "violated" && level === "mandatory" ? "fail" : outcome} />;
}

function Override({ id, seal }: { id: string; seal: string }) {
  const [reason, setReason] = useState("");
  const client = useClient();
  const cache = useQueryClient();
  const override = useMutation({
    mutationFn: () => client.overridePolicies({ params: { id }, body: { seal, reason: reason.trim() } }),
    onSuccess: () => cache.invalidateQueries({ queryKey: ["deployment", id, "policies"] }),
  });
  return (
    <Column gap="xs" mt="sm">
      <Textarea
        label="Why it may pass all the same"
        description="For whoever has the right to answer for violations; kept in the audit log. Whoever passes them over cannot also approve."
        autosize
        minRows={2}
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value)}
      />
      <Group>
        <Button
          variant="default"
          loading={override.isPending}
          disabled={reason.trim().length < LEAST_REASON_CHARACTERS}
          onClick={() => override.mutate()}
        >
          Answer for the violations
        </Button>
      </Group>
      {override.error !== null && <ProblemAlert error={override.error} />}
    </Column>
  );
}
