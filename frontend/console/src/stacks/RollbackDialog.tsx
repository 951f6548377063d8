import { Button, Checkbox, Stack as Column, Group, Modal, Paper, Select, Text } from "@mantine/core";
import { formatAge } from "@slipway/automation/client";
import type { Stack, StackPath } from "@slipway/automation/contract";
import { useInfiniteQuery } from "@tanstack/react-query";
import { type FormEvent, useEffect, useState } from "react";
import { useClient } from "../api.ts";
import { Age } from "../components/Age.tsx";
import { DialogFoot } from "../components/DialogFoot.tsx";
import { Loading } from "../components/Loading.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { Source } from "../components/Source.tsx";
import { queries } from "../queries.ts";
import { rollbackChoices } from "./rollback-choices.ts";
import { useRequestDeployment } from "./use-request.ts";

interface Props {
  readonly stack: StackPath;
  readonly currentRelease: number | null;
  /** Something runs on the stack. */
  readonly isBusy: boolean;
  readonly failedRollback: Stack["failedRollback"];
  readonly opened: boolean;
  readonly onClose: () => void;
}

/** Lets a person choose a good release to go back to. */
export function RollbackDialog({ opened, ...props }: Props) {
  return (
    <Modal
      opened={opened}
      onClose={props.onClose}
      title={`Roll back ${props.stack.project}/${props.stack.stack}`}
      closeButtonProps={{ "aria-label": "Close" }}
    >
      {opened && <RollbackForm {...props} />}
    </Modal>
  );
}

function RollbackForm({ stack, currentRelease, isBusy, failedRollback, onClose }: Omit<Props, "opened">) {
  const releases = useInfiniteQuery(queries.releases(useClient(), stack));
  const [chosen, setChosen] = useState<string | null>(null);
  const [message, setMessage] = useState("");
  const [cancels, setCancels] = useState(false);
  const [knows, setKnows] = useState(false);
  const send = useRequestDeployment(stack, onClose);
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = releases;
  useEffect(() => {
    // Any good release can be chosen, however old it is.
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);

  if (releases.data === undefined)
    return releases.error === null ? <Loading what="releases" /> : <ProblemAlert error={releases.error} />;
  const choices = rollbackChoices(
    releases.data.pages.flatMap((page) => page.items),
    currentRelease,
  );
  const choice = choices.find((one) => String(one.release.number) === chosen) ?? choices[0];
  const release = choice?.release;
  if (choice === undefined || release === undefined)
    return (
      <Column gap="md">
        <Text>There is no other good release to go back to.</Text>
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Close
          </Button>
        </Group>
      </Column>
    );
  const now = Date.now();
  function submit(event: FormEvent) {
    event.preventDefault();
    if (release === undefined) return;
    const why = message.trim();
    send.mutate({
      operation: "rollback",
      release: release.number,
      ...(why === "" ? {} : { message: why }),
      ...(cancels ? { cancelRunning: true } : {}),
      ...(failedRollback === null ? {} : { acknowledge: failedRollback.deploymentId }),
    });
  }
  return (
    <form onSubmit={submit}>
      <Column gap="md">
        <Select
          label="Go back to"
          data={choices.map(({ release: one, runs }) => ({
            value: String(one.number),
            label: `Release ${one.number}${runs ? " (runs now)" : ""}, ${formatAge(one.createdAt, now)}${one.message === null ? "" : `: ${one.message}`}`,
          }))}
          value={String(release.number)}
          onChange={setChosen}
          allowDeselect={false}
        />
        <Paper withBorder p="sm">
          <Text size="sm">{release.message ?? "No reason was given."}</Text>
          {choice.runs && (
            <Text size="sm" fw={600} role="status">
              It was made of what runs now: going back to it changes nothing but what was changed by hand.
            </Text>
          )}
          <Text size="sm" c="dimmed">
            by {release.requestedBy}, <Age at={release.createdAt} />, source <Source release={release} />
          </Text>
        </Paper>
        <Text size="sm">
          A rollback is a new deployment, made of the source, config and artifacts that were kept of the
          release, previewed on today's state. What it cannot undo is named there, and waits until somebody
          agrees to each step.
        </Text>
        {isBusy && (
          <Checkbox
            label="Cancel what runs on the stack first"
            checked={cancels}
            onChange={(event) => setCancels(event.currentTarget.checked)}
          />
        )}
        {failedRollback !== null && (
          <Checkbox
            label={`I know what the failed rollback left: ${failedRollback.detail}`}
            checked={knows}
            onChange={(event) => setKnows(event.currentTarget.checked)}
          />
        )}
        <DialogFoot
          why={message}
          onWhy={setMessage}
          error={send.error}
          isPending={send.isPending}
          disabled={failedRollback !== null && !knows}
          onClose={onClose}
        >
          Roll back to release {release.number}
        </DialogFoot>
      </Column>
    </form>
  );
}
