import { Alert, Text } from "@mantine/core";
import type { Stack } from "@slipway/automation/contract";
import { Link } from "@tanstack/react-router";
import { Age } from "../components/Age.tsx";

/** Says of a stack that its newest source does not run because it was rolled back, or that a failed rollback has frozen it. */
export function RolledBackAlert({ stack }: { stack: Pick<Stack, "sourceAhead" | "failedRollback"> }) {
  const { sourceAhead, failedRollback } = stack;
  return (
    <>
      {failedRollback !== null && (
        <Alert role="alert" color="red" variant="default" className="alert-red" mb="md">
          <Text size="sm">
            <strong>A rollback failed</strong> <Age at={failedRollback.failedAt} />, and the stack is frozen
            but for previews and refreshes. {failedRollback.detail}{" "}
            <Link to="/deployments/$id" params={{ id: failedRollback.rollbackId }}>
              See what became of each resource
            </Link>
            , correct it, and deploy naming what you know of:{" "}
            <code>{`slipway deploy --acknowledge ${failedRollback.deploymentId}`}</code>
          </Text>
        </Alert>
      )}
      {sourceAhead !== null && (
        <Alert color="yellow" variant="default" role="status" mb="md">
          <Text size="sm">
            <strong>The source is ahead of what runs.</strong> Release {sourceAhead.runsRelease} runs;{" "}
            <Link to="/deployments/$id" params={{ id: sourceAhead.deploymentId }}>
              {sourceAhead.commit === null
                ? "what was deployed last"
                : `commit ${sourceAhead.commit.slice(0, 7)}`}
            </Link>{" "}
            was rolled back.
            {sourceAhead.readBy.length > 0 &&
              ` Not rolled back, although their programs read its outputs: ${sourceAhead.readBy.join(", ")}.`}
          </Text>
        </Alert>
      )}
    </>
  );
}
