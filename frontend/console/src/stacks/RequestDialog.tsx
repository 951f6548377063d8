import { Button, Checkbox, Stack as Column, Group, Modal, Text, Textarea } from "@mantine/core";
import type { DeploymentOptions, StackPath } from "@slipway/automation/contract";
import { type FormEvent, useState } from "react";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { issueFor } from "../problems.ts";
import { useRequestDeployment } from "./use-request.ts";

export type Request = "update" | "preview" | "refresh" | "detect-drift" | "remediate-drift";

const TEXTS = {
  update: {
    title: "Deploy",
    what: "Takes the project's source as it is now: build, test, preview, then the update that the preview showed.",
    button: "Deploy",
  },
  preview: {
    title: "Preview",
    what: "Shows what a deployment would change. Changes nothing.",
    button: "Preview",
  },
  refresh: {
    title: "Refresh",
    what: "Reads the real resources back into the state. Changes no resource.",
    button: "Refresh",
  },
  "detect-drift": {
    title: "Check for drift:",
    what: "Compares the real resources with the state. Changes neither, and holds up no deployment.",
    button: "Check",
  },
  "remediate-drift": {
    title: "Undo drift:",
    what: "Deploys the release that runs once more, with a refresh, so that the real resources are what it says. Previewed and decided about like any update.",
    button: "Undo drift",
  },
} as const;

/** Asks for the reason and the options of a deployment, then requests it. Closed while `request` is null. */
export function RequestDialog({
  stack,
  request,
  onClose,
}: {
  stack: StackPath;
  request: Request | null;
  onClose: () => void;
}) {
  return (
    <Modal
      opened={request !== null}
      onClose={onClose}
      title={request === null ? "" : `${TEXTS[request].title} ${stack.project}/${stack.stack}`}
      closeButtonProps={{ "aria-label": "Close" }}
    >
      {request !== null && <RequestForm stack={stack} request={request} onClose={onClose} />}
    </Modal>
  );
}

function RequestForm({
  stack,
  request,
  onClose,
}: {
  stack: StackPath;
  request: Request;
  onClose: () => void;
}) {
  const [message, setMessage] = useState("");
  const [refresh, setRefresh] = useState(false);
  const [skipTests, setSkipTests] = useState(false);
  const send = useRequestDeployment(stack, onClose);
  function submit(event: FormEvent) {
    event.preventDefault();
    const options: DeploymentOptions = {
      ...(refresh ? { refresh } : {}),
      ...(skipTests ? { skipTests } : {}),
    };
    send.mutate({
      operation: request,
      options,
      ...(message.trim() === "" ? {} : { message: message.trim() }),
    });
  }
  return (
    <form onSubmit={submit}>
      <Column gap="md">
        <Text size="sm">{TEXTS[request].what}</Text>
        <Textarea
          label="Why"
          description="Kept in the history and in the audit."
          autosize
          minRows={2}
          maxLength={1000}
          data-autofocus
          value={message}
          onChange={(event) => setMessage(event.currentTarget.value)}
          error={issueFor(send.error, "message")}
        />
        {(request === "update" || request === "preview") && (
          <Checkbox
            label="Read the real resources first (refresh)"
            checked={refresh}
            onChange={(event) => setRefresh(event.currentTarget.checked)}
          />
        )}
        {request === "update" && (
          <Checkbox
            label="Skip the tests (audited)"
            checked={skipTests}
            onChange={(event) => setSkipTests(event.currentTarget.checked)}
          />
        )}
        {send.error !== null && <ProblemAlert error={send.error} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Close
          </Button>
          <Button type="submit" loading={send.isPending}>
            {TEXTS[request].button}
          </Button>
        </Group>
      </Column>
    </form>
  );
}
