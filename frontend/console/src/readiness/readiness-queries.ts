import type { Client } from "@slipway/automation/client";
import type { StackPath } from "@slipway/automation/contract";
import { queryOptions } from "@tanstack/react-query";

/** Ticks and sign-offs are given by people. */
const INTERVAL_MS = 15_000;

/** How far a stack is ready for what it is to take next. */
export function readinessOf(client: Client, stack: StackPath) {
  return queryOptions({
    queryKey: ["stack", stack.organisation, stack.project, stack.stack, "readiness"],
    queryFn: () => client.getReadiness({ params: stack }),
    refetchInterval: INTERVAL_MS,
  });
}
