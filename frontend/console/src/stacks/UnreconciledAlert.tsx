import { Alert, Text } from "@mantine/core";
import type { StackPath } from "@slipway/automation/contract";
import { useQuery } from "@tanstack/react-query";
import { useClient } from "../api.ts";
import { Age } from "../components/Age.tsx";
import { queries } from "../queries.ts";

/** Says of a restored stack that it refuses changes, and which command compares it with what is there. */
export function UnreconciledAlert({ stack }: { stack: StackPath }) {
  const { data } = useQuery(queries.unreconciled(useClient()));
  const found = data?.items.find(
    (one) =>
      one.organisation === stack.organisation && one.project === stack.project && one.stack === stack.stack,
  );
  if (found === undefined) return null;
  return (
    <Alert color="yellow" role="status" mb="md">
      <Text size="sm">
        <strong>This stack comes from a backup</strong> of <Age at={found.backupAt} />. Its state may be older
        than its resources, so that it takes no update, rollback or destroy until they were compared:{" "}
        <code>{`slipway reconcile ${stack.organisation}/${stack.project}/${stack.stack}`}</code>
      </Text>
    </Alert>
  );
}
