import { Button, Stack as Column, Group, Text } from "@mantine/core";
import type { Deployment } from "@slipway/automation/contract";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { useRequestDeployment } from "../stacks/use-request.ts";

/** Asks for the update that a preview has shown: bound to its seal, so that nothing else can run. */
export function DeployThis({ deployment, seal }: { deployment: Deployment; seal: string }) {
  const { organisation, project, stack, message, options, promotedFrom } = deployment;
  const send = useRequestDeployment({ organisation, project, stack }, () => {
    // Its page is opened; nothing here has to be closed.
  });
  return (
    <Column gap="xs">
      <Group gap="sm">
        <Button
          loading={send.isPending}
          onClick={() =>
            send.mutate({
              operation: "update",
              options,
              seal,
              ...(message === null ? {} : { message }),
              ...(promotedFrom === null ? {} : { promote: promotedFrom }),
            })
          }
        >
          Deploy exactly this
        </Button>
        <Text size="sm">
          Ends as stale, with nothing changed, when anything has moved since this preview.
        </Text>
      </Group>
      {send.error !== null && <ProblemAlert error={send.error} />}
    </Column>
  );
}
