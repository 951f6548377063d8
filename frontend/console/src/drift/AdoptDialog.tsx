import { Code, Stack as Column, List, Modal, Text } from "@mantine/core";
import type { DriftAlert, StackPath } from "@slipway/automation/contract";
import { useQuery } from "@tanstack/react-query";
import { useClient } from "../api.ts";
import { Loading } from "../components/Loading.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { queries } from "../queries.ts";

/** The change of the source that keeps what drifted, in words and as a patch. Nothing is edited. */
export function AdoptDialog({
  stack,
  alert,
  onClose,
}: {
  stack: StackPath;
  alert: DriftAlert;
  onClose: () => void;
}) {
  const { data, error } = useQuery(queries.driftAdoption(useClient(), stack, alert.id));
  return (
    <Modal
      opened
      onClose={onClose}
      title="Keep what drifted"
      size="lg"
      closeButtonProps={{ "aria-label": "Close" }}
    >
      {error !== null && <ProblemAlert error={error} />}
      {data === undefined ? (
        error === null && <Loading what="the proposal" />
      ) : (
        <Column gap="md">
          <Text>{data.instruction}</Text>
          {data.patch.length > 0 && <Code block>{JSON.stringify(data.patch, null, 2)}</Code>}
          <List size="sm">
            {data.notes.map((note) => (
              <List.Item key={note}>{note}</List.Item>
            ))}
          </List>
          <Text size="sm" c="dimmed">
            Slipway proposes this and edits nothing.
          </Text>
        </Column>
      )}
    </Modal>
  );
}
