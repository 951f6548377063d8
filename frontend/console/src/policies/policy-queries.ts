import type { Client } from "@slipway/automation/client";
import type { StackPath } from "@slipway/automation/contract";
import { queryOptions } from "@tanstack/react-query";

/** Rules and freezes are set by people. */
const INTERVAL_MS = 15_000;
const SHOWN_WINDOWS = 3;

const keyOf = (stack: StackPath) => ["stack", stack.organisation, stack.project, stack.stack] as const;

export const policyQueries = {
  set: (client: Client, stack: StackPath) =>
    queryOptions({
      queryKey: [...keyOf(stack), "policies"],
      queryFn: () => client.getStackPolicies({ params: stack }),
      refetchInterval: INTERVAL_MS,
    }),
  freezes: (client: Client, stack: StackPath) =>
    queryOptions({
      queryKey: [...keyOf(stack), "freezes"],
      queryFn: () => client.listStackFreezes({ params: stack, query: { count: SHOWN_WINDOWS } }),
      refetchInterval: INTERVAL_MS,
    }),
};
