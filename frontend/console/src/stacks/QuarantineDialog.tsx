import { Stack as Column, Modal, Text } from "@mantine/core";
import type { Release, StackPath } from "@slipway/automation/contract";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useClient } from "../api.ts";
import { DialogFoot } from "../components/DialogFoot.tsx";

interface Props {
  readonly stack: StackPath;
  /** Null: closed. */
  readonly release: Release | null;
  readonly onClose: () => void;
}

/** Lets a person refuse the source and config of a release on its stack. */
export function QuarantineDialog({ stack, release, onClose }: Props) {
  return (
    <Modal
      opened={release !== null}
      onClose={onClose}
      title={`Quarantine release ${release?.number ?? ""} of ${stack.project}/${stack.stack}`}
      closeButtonProps={{ "aria-label": "Close" }}
    >
      {release !== null && <QuarantineForm stack={stack} release={release} onClose={onClose} />}
    </Modal>
  );
}

function QuarantineForm({ stack, release, onClose }: Props & { release: Release }) {
  const [why, setWhy] = useState("");
  const client = useClient();
  const cache = useQueryClient();
  const set = useMutation({
    mutationFn: () =>
      client.setQuarantine({ params: stack, body: { release: release.number, reason: why.trim() } }),
    onSuccess: async () => {
      await cache.invalidateQueries({ queryKey: ["stack", stack.organisation, stack.project, stack.stack] });
      onClose();
    },
  });
  function submit(event: FormEvent) {
    event.preventDefault();
    set.mutate();
  }
  return (
    <form onSubmit={submit}>
      <Column gap="md">
        <Text size="sm">
          The stack refuses its source with its config from now on: it is neither deployed nor rolled back to,
          and promoted nowhere. What runs stays. slipway quarantine lift takes it back.
        </Text>
        <DialogFoot
          why={why}
          onWhy={setWhy}
          needsWhy
          error={set.error}
          isPending={set.isPending}
          onClose={onClose}
        >
          Refuse what release {release.number} was made of
        </DialogFoot>
      </Column>
    </form>
  );
}
