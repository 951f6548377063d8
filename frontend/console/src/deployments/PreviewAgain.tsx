import { Button, Stack as Column, Group, Text } from "@mantine/core";
import type { Deployment } from "@slipway/automation/contract";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { type DeploymentRequest, useRequestDeployment } from "../stacks/use-request.ts";

/** Asks for the same again, as a deployment of its own: it is previewed on what there is now, and voted about anew. */
export function PreviewAgain({ deployment }: { deployment: Deployment }) {
  const { organisation, project, stack } = deployment;
  const send = useRequestDeployment({ organisation, project, stack }, () => {
    // Its page is opened; nothing here has to be closed.
  });
  return (
    <Column gap="xs">
      <Group gap="sm">
        <Button loading={send.isPending} onClick={() => send.mutate(sameAgain(deployment))}>
          Preview again
        </Button>
        <Text size="sm">
          {deployment.operation === "update" && deployment.promotedFrom === null
            ? "With the project's source as it is now. Nothing of this one was changed."
            : "Nothing of this one was changed."}
        </Text>
      </Group>
      {send.error !== null && <ProblemAlert error={send.error} />}
    </Column>
  );
}

/** The request that asks for what the deployment asked for. */
function sameAgain({
  operation,
  message,
  options,
  targetRelease,
  promotedFrom,
}: Pick<
  Deployment,
  "operation" | "message" | "options" | "targetRelease" | "promotedFrom"
>): DeploymentRequest {
  return {
    operation,
    options,
    ...(message === null ? {} : { message }),
    ...(targetRelease === null || operation !== "rollback" ? {} : { release: targetRelease }),
    ...(promotedFrom === null ? {} : { promote: promotedFrom }),
  };
}
