import { Button, Stack as Column, Group, Modal, Text } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useClient } from "../api.ts";
import { ProblemAlert } from "../components/ProblemAlert.tsx";

/** A button that ends a run of the Pulumi CLI, after a question that says what that means. */
export function CancelUpdate({ id, name, cancelling }: { id: string; name: string; cancelling: boolean }) {
  const [asking, setAsking] = useState(false);
  const client = useClient();
  const cache = useQueryClient();
  const cancel = useMutation({
    mutationFn: () => client.cancelUpdate({ params: { id } }),
    onSuccess: (update) => {
      cache.setQueryData(["update", id], update);
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
          <Text>
            The stack becomes free. What the run has recorded so far becomes the stack's state; what a
            provider has in flight is kept as a pending operation, since nobody can know how it ends.
          </Text>
          <Text>A Pulumi CLI that still runs it is refused from its next write on.</Text>
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
