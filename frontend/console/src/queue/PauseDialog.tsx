import { Button, Stack as Column, Group, Modal, Text, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useClient } from "../api.ts";
import { ProblemAlert } from "../components/ProblemAlert.tsx";

/** Asks why, then lets nothing new start in the whole installation. */
export function PauseDialog({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const [reason, setReason] = useState("");
  const client = useClient();
  const cache = useQueryClient();
  const pause = useMutation({
    mutationFn: () => client.pauseEverything({ body: { reason } }),
    onSuccess: async () => {
      await cache.invalidateQueries({ queryKey: ["pauses"] });
      close();
    },
  });
  const close = () => {
    setReason("");
    pause.reset();
    onClose();
  };
  return (
    <Modal
      opened={opened}
      onClose={close}
      title="Pause everything?"
      closeButtonProps={{ "aria-label": "Close" }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          pause.mutate();
        }}
      >
        <Column gap="md">
          <Text>
            Nothing new starts, and updates of the Pulumi CLI are refused. What runs goes on; previews of the
            CLI and cancels stay possible.
          </Text>
          <TextInput
            label="Why"
            description="Whoever waits is shown it."
            value={reason}
            onChange={(event) => setReason(event.currentTarget.value)}
            data-autofocus
            required
          />
          {pause.error !== null && <ProblemAlert error={pause.error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              Not now
            </Button>
            <Button type="submit" loading={pause.isPending} disabled={reason.trim() === ""}>
              Pause everything
            </Button>
          </Group>
        </Column>
      </form>
    </Modal>
  );
}
