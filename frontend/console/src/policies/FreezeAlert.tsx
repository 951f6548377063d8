import { Alert, Text } from "@mantine/core";
import type { StackPath } from "@slipway/automation/contract";
import { useQuery } from "@tanstack/react-query";
import { useClient } from "../api.ts";
import { policyQueries } from "./policy-queries.ts";

/** Says of a stack that nothing may change it now: until when, why, and who has set that. */
export function FreezeAlert({ stack }: { stack: StackPath }) {
  const { data } = useQuery(policyQueries.freezes(useClient(), stack));
  const active = data?.items.find((freeze) => freeze.active);
  const window = active?.windows[0];
  if (active === undefined || window === undefined) return null;
  return (
    <Alert color="yellow" role="status">
      <Text size="sm">
        <strong>Nothing may change until {window.localUntil}</strong> ({active.timeZone}), as {active.setBy}{" "}
        has set: {active.reason} Previews and drift checks stay possible.
      </Text>
    </Alert>
  );
}
