import { Button, Stack as Column, Group, Modal, NumberInput, Radio, Text, TextInput } from "@mantine/core";
import type { DriftAlert, StackPath } from "@slipway/automation/contract";
import { LONGEST_IGNORE_DAYS } from "@slipway/automation/contract";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useClient } from "../api.ts";
import { newIdempotencyKey } from "../components/idempotency-key.ts";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { queries } from "../queries.ts";

const USUAL_DAYS = 30;

/** Asks why and for how long, then ignores what an alert tells of. */
export function IgnoreDialog({
  stack,
  alert,
  onClose,
}: {
  stack: StackPath;
  alert: DriftAlert;
  onClose: () => void;
}) {
  const client = useClient();
  const cache = useQueryClient();
  const [reason, setReason] = useState("");
  const [days, setDays] = useState<number | string>(USUAL_DAYS);
  const [scope, setScope] = useState(alert.path === null ? "whole" : "property");
  const [key] = useState(newIdempotencyKey);
  const ignore = useMutation({
    mutationFn: () =>
      client.createDriftIgnore({
        params: stack,
        body: {
          urn: alert.urn ?? "",
          reason,
          expiresInDays: Number(days),
          ...(scope === "property" && alert.path !== null ? { path: alert.path } : {}),
        },
        idempotencyKey: key,
      }),
    onSuccess: async () => {
      await cache.invalidateQueries({ queryKey: queries.driftIgnores(client, stack).queryKey });
      onClose();
    },
  });
  return (
    <Modal opened onClose={onClose} title="Ignore this drift?" closeButtonProps={{ "aria-label": "Close" }}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          ignore.mutate();
        }}
      >
        <Column gap="md">
          <Text>
            {alert.summary} The alert closes with the next check, and comes back once the rule is over.
          </Text>
          {alert.path !== null && (
            <Radio.Group label="What" value={scope} onChange={setScope}>
              <Column gap="xs" mt="xs">
                <Radio value="property" label={`Only ${alert.path} and what is below it`} />
                <Radio value="whole" label="All of the resource, also when it is gone" />
              </Column>
            </Radio.Group>
          )}
          <TextInput
            label="Why"
            description="Kept with the rule and in the audit log."
            value={reason}
            onChange={(event) => setReason(event.currentTarget.value)}
            minLength={3}
            data-autofocus
            required
          />
          <NumberInput
            label="For how many days"
            description={`At most ${LONGEST_IGNORE_DAYS}.`}
            value={days}
            onChange={setDays}
            min={1}
            max={LONGEST_IGNORE_DAYS}
            allowDecimal={false}
            required
          />
          {ignore.error !== null && <ProblemAlert error={ignore.error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Not now
            </Button>
            <Button type="submit" loading={ignore.isPending} disabled={reason.trim().length < 3}>
              Ignore it
            </Button>
          </Group>
        </Column>
      </form>
    </Modal>
  );
}
