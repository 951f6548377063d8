import { Alert, Button, Checkbox, Stack as Column, Text } from "@mantine/core";
import type { Deployment } from "@slipway/automation/contract";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useRef, useState } from "react";
import { useClient } from "../api.ts";
import { newIdempotencyKey } from "../components/idempotency-key.ts";
import { ProblemAlert } from "../components/ProblemAlert.tsx";

/** The next safe action after a deployment that did not end by itself, as the page's one primary button. */
export function NextAction({ deployment }: { deployment: Deployment }) {
  const { id, nextAction } = deployment;
  const [looked, setLooked] = useState<readonly string[]>([]);
  const key = useRef(newIdempotencyKey());
  const client = useClient();
  const cache = useQueryClient();
  const navigate = useNavigate();
  const go = useMutation({
    mutationFn: () =>
      client.continueDeployment({
        params: { id },
        body: { clearPendingCreates: [...looked] },
        idempotencyKey: key.current,
      }),
    onSuccess: async (next) => {
      cache.setQueryData(["deployment", next.id], next);
      void cache.invalidateQueries({ queryKey: ["deployment", id] });
      await navigate({ to: "/deployments/$id", params: { id: next.id } });
    },
    // What is refused may be asked for again, with other answers.
    onError: () => {
      key.current = newIdempotencyKey();
    },
  });
  if (nextAction === null) return null;
  const open = nextAction.pendingCreates.filter((one) => one.mayExist);
  return (
    <Alert variant="default" title="What to do next">
      <Column gap="sm" align="start">
        <Text size="sm">{nextAction.detail}</Text>
        {open.map((one) => (
          <Checkbox
            key={one.urn}
            label={`${one.name} (${one.type}) does not exist: drop it from the state`}
            checked={looked.includes(one.urn)}
            onChange={(event) =>
              setLooked(
                event.currentTarget.checked ? [...looked, one.urn] : looked.filter((urn) => urn !== one.urn),
              )
            }
          />
        ))}
        <Button
          loading={go.isPending}
          disabled={go.isSuccess || open.some(({ urn }) => !looked.includes(urn))}
          onClick={() => go.mutate()}
        >
          Refresh and continue
        </Button>
        {go.error !== null && <ProblemAlert error={go.error} />}
      </Column>
    </Alert>
  );
}
