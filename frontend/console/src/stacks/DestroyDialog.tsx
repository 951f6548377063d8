import { Button, Stack as Column, Group, Modal, Text, TextInput } from "@mantine/core";
import { formatResourceCount } from "@slipway/automation/client";
import type { StackPath } from "@slipway/automation/contract";
import { type FormEvent, useState } from "react";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { useRequestDeployment } from "./use-request.ts";

interface Props {
  readonly stack: StackPath;
  readonly resourceCount: number | null;
  readonly opened: boolean;
  readonly onClose: () => void;
}

/** Deletes all resources of a stack, after its name was typed. */
export function DestroyDialog({ opened, ...props }: Props) {
  return (
    <Modal
      opened={opened}
      onClose={props.onClose}
      title={`Destroy ${props.stack.project}/${props.stack.stack}`}
      closeButtonProps={{ "aria-label": "Close" }}
    >
      {opened && <DestroyForm {...props} />}
    </Modal>
  );
}

function DestroyForm({ stack, resourceCount, onClose }: Omit<Props, "opened">) {
  const [typed, setTyped] = useState("");
  const send = useRequestDeployment(stack, onClose);
  const wanted = `${stack.project}/${stack.stack}`;
  function submit(event: FormEvent) {
    event.preventDefault();
    if (typed === wanted) send.mutate({ operation: "destroy" });
  }
  return (
    <form onSubmit={submit}>
      <Column gap="md">
        <Text>
          This deletes {formatResourceCount(resourceCount)} of the stack. Its releases and history stay.
        </Text>
        <TextInput
          label={
            <>
              Type <strong>{wanted}</strong> to go on
            </>
          }
          autoComplete="off"
          data-autofocus
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
        {send.error !== null && <ProblemAlert error={send.error} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Close
          </Button>
          <Button type="submit" color="red.9" disabled={typed !== wanted} loading={send.isPending}>
            Destroy
          </Button>
        </Group>
      </Column>
    </form>
  );
}
