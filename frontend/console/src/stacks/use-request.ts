import type { RequestDeployment, StackPath } from "@slipway/automation/contract";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useRef } from "react";
import { useClient } from "../api.ts";
import { newIdempotencyKey } from "../components/idempotency-key.ts";

export type DeploymentRequest = Partial<RequestDeployment> & Pick<RequestDeployment, "operation">;

/** Requests a deployment of a stack and opens its page. */
export function useRequestDeployment(stack: StackPath, onRequested: () => void) {
  const client = useClient();
  const cache = useQueryClient();
  const navigate = useNavigate();
  const sent = useRef({ key: "", body: "" });
  return useMutation({
    mutationFn: (body: DeploymentRequest) => {
      // The same request sent again after a lost answer must not deploy twice; a changed one is a new request.
      const text = JSON.stringify(body);
      if (sent.current.body !== text) sent.current = { key: newIdempotencyKey(), body: text };
      return client.requestDeployment({ params: stack, body, idempotencyKey: sent.current.key });
    },
    onSuccess: async (deployment) => {
      sent.current = { key: "", body: "" };
      cache.setQueryData(["deployment", deployment.id], deployment);
      onRequested();
      await navigate({ to: "/deployments/$id", params: { id: deployment.id } });
    },
  });
}
