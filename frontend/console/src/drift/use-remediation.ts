import type { StackPath } from "@slipway/automation/contract";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useRef } from "react";
import { useClient } from "../api.ts";
import { newIdempotencyKey } from "../components/idempotency-key.ts";

/** Requests the deployment that undoes a stack's drift, from one of its alerts, and opens its page. */
export function useRemediation(stack: StackPath) {
  const client = useClient();
  const cache = useQueryClient();
  const navigate = useNavigate();
  const sent = useRef({ key: "", alert: "" });
  return useMutation({
    mutationFn: (alert: string) => {
      // The same request sent again after a lost answer must not deploy twice.
      if (sent.current.alert !== alert) sent.current = { key: newIdempotencyKey(), alert };
      const { key } = sent.current;
      return client.remediateDrift({ params: { ...stack, alert }, body: {}, idempotencyKey: key });
    },
    onSuccess: async (deployment) => {
      sent.current = { key: "", alert: "" };
      cache.setQueryData(["deployment", deployment.id], deployment);
      await navigate({ to: "/deployments/$id", params: { id: deployment.id } });
    },
  });
}
