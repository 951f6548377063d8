import { Button, Stack as Column, Group, Modal, Text } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useClient } from "../api.ts";
import { ProblemAlert } from "./ProblemAlert.tsx";

const CONSEQUENCES = {
  deployment: [
    "Its engine is interrupted once, what a provider has in flight may end, and what still runs then is ended.",
    "The stack is free when nothing of it runs any more.",
  ],
  update: [
    "The stack becomes free within seconds. What the run has recorded by then becomes the stack's state; what a provider still has in flight is kept as a pending operation, since nobody can know how it ends.",
    "A Pulumi CLI that still runs it is refused from its next write on.",
  ],
} as const;

/** A button that cancels a deployment or a run of the Pulumi CLI, after a question that says what that means. */
export function CancelRun({
  kind,
  id,
  name,
  cancelling,
}: {
  kind: keyof typeof CONSEQUENCES;
  id: string;
  name: string;
  cancelling: boolean;
}) {
  const [asking, setAsking] = useState(false);
  const client = useClient();
  const cache = useQueryClient();
  const cancel = useMutation({
    mutationFn: async (): Promise<unknown> =>
      kind === "deployment"
        ? client.cancelDeployment({ params: { id } })
        : client.cancelUpdate({ params: { id } }),
    onSuccess: (answer) => {
      cache.setQueryData([kind, id], answer);
      setAsking(false);
      void cache.invalidateQueries({ queryKey: ["stack"] });
    },
  });
  const close = () => {
    setAsking(false);
    cancel.reset();
  };
  return (
    <>
      <Button variant="default" disabled={cancelling} onClick={() => setAsking(true)}>
        {cancelling ? "Cancelling" : "Cancel"}
      </Button>
      <Modal
        opened={asking}
        onClose={close}
        title={`Cancel ${name}?`}
        closeButtonProps={{ "aria-label": "Close" }}
      >
        <Column gap="md">
          {CONSEQUENCES[kind].map((sentence) => (
            <Text key={sentence}>{sentence}</Text>
          ))}
          {cancel.error !== null && <ProblemAlert error={cancel.error} />}
          <Group justify="flex-end">
            <Button variant="default" data-autofocus onClick={close}>
              Let it run
            </Button>
            <Button color="red.9" loading={cancel.isPending} onClick={() => cancel.mutate()}>
              Cancel the run
            </Button>
          </Group>
        </Column>
      </Modal>
    </>
  );
}
