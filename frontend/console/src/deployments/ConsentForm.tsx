import { Button, Checkbox, Stack as Column, Group, Text } from "@mantine/core";
import type { Deployment } from "@slipway/automation/contract";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useClient } from "../api.ts";
import { Countdown } from "../approvals/Countdown.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";

/** What a rollback would do that nobody can take back: each step is agreed to by its own tick, then all at once. */
export function ConsentForm({ id, consent }: { id: string; consent: NonNullable<Deployment["consent"]> }) {
  const [agreed, setAgreed] = useState<readonly string[]>([]);
  const client = useClient();
  const cache = useQueryClient();
  const give = useMutation({
    mutationFn: () => client.giveConsent({ params: { id }, body: { steps: [...agreed] } }),
    onSuccess: (deployment) => {
      cache.setQueryData(["deployment", id], deployment);
    },
  });
  const { steps } = consent;
  return (
    <Column gap="sm">
      <Text fw={600} role="status">
        {steps.length === 1 ? "One step cannot be undone." : `${steps.length} steps cannot be undone.`} It
        goes on once somebody agrees, and lapses <Countdown to={consent.expiresAt} />.
      </Text>
      {steps.map((step) => (
        <Checkbox
          key={step.id}
          label={step.detail}
          checked={agreed.includes(step.id)}
          onChange={(event) =>
            setAgreed(
              event.currentTarget.checked ? [...agreed, step.id] : agreed.filter((one) => one !== step.id),
            )
          }
        />
      ))}
      <Group>
        <Button
          color="red.9"
          loading={give.isPending}
          disabled={give.isSuccess || steps.some((step) => !agreed.includes(step.id))}
          onClick={() => give.mutate()}
        >
          Agree to {steps.length === 1 ? "it" : `all ${steps.length}`} and go on
        </Button>
      </Group>
      {give.error !== null && <ProblemAlert error={give.error} />}
    </Column>
  );
}
