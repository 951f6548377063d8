import { Button, Stack as Column, Group, Text, Textarea } from "@mantine/core";
import type { Deployment } from "@slipway/automation/contract";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useClient } from "../api.ts";
import { Countdown } from "../approvals/Countdown.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";

/** A held deployment: why it waits for a person, what happens otherwise, and the two things that can be decided. */
export function HoldDecision({ id, hold }: { id: string; hold: NonNullable<Deployment["hold"]> }) {
  const [reason, setReason] = useState("");
  const client = useClient();
  const cache = useQueryClient();
  const decide = useMutation({
    mutationFn: (decision: "keep" | "rollback") =>
      client.decideHold({ params: { id }, body: { decision, reason: reason.trim() } }),
    onSuccess: (deployment) => {
      cache.setQueryData(["deployment", id], deployment);
    },
  });
  const isSilent = reason.trim() === "";
  return (
    <Column gap="sm">
      <Text fw={600} role="status">
        It is held for a decision: {hold.reason}
      </Text>
      <Text size="sm">
        Unless somebody decides, it is {hold.onExpiry === "keep" ? "kept" : "rolled back"}{" "}
        <Countdown to={hold.expiresAt} />.
      </Text>
      <Textarea
        label="Why"
        description="Kept in the audit log."
        autosize
        minRows={2}
        maxLength={1000}
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value)}
      />
      <Group gap="sm">
        <Button
          loading={decide.isPending && decide.variables === "rollback"}
          disabled={decide.isPending || isSilent}
          onClick={() => decide.mutate("rollback")}
        >
          Roll it back
        </Button>
        <Button
          variant="default"
          loading={decide.isPending && decide.variables === "keep"}
          disabled={decide.isPending || isSilent}
          onClick={() => decide.mutate("keep")}
        >
          Keep what it left
        </Button>
      </Group>
      {decide.error !== null && <ProblemAlert error={decide.error} />}
    </Column>
  );
}
