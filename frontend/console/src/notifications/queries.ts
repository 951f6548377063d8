import type { Client } from "@slipway/automation/client";
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";

const INTERVAL_MS = 5_000;
const PAGE_SIZE = 50;
/** What all reads of an organisation's notifications begin with, to be read anew after a change. */
export const keyOf = (organisation: string) => ["notifications", organisation] as const;

export const notificationQueries = {
  organisations: (client: Client) =>
    queryOptions({ queryKey: ["organisations"], queryFn: () => client.listOrganisations() }),
  destinations: (client: Client, organisation: string) =>
    queryOptions({
      queryKey: [...keyOf(organisation), "destinations"],
      queryFn: () => client.listDestinations({ params: { organisation } }),
      refetchInterval: INTERVAL_MS,
    }),
  deliveries: (client: Client, organisation: string, status: "dead" | undefined) =>
    infiniteQueryOptions({
      queryKey: [...keyOf(organisation), "deliveries", status ?? "all"],
      queryFn: ({ pageParam }) =>
        client.listDeliveries({
          params: { organisation },
          query: {
            limit: PAGE_SIZE,
            ...(status === undefined ? {} : { status }),
            ...(pageParam === null ? {} : { after: pageParam }),
          },
        }),
      initialPageParam: null as string | null,
      getNextPageParam: (last: { next: string | null }) => last.next,
      refetchInterval: INTERVAL_MS,
    }),
  delivery: (client: Client, organisation: string, delivery: string) =>
    queryOptions({
      queryKey: [...keyOf(organisation), "delivery", delivery],
      queryFn: () => client.getDelivery({ params: { organisation, delivery } }),
      refetchInterval: INTERVAL_MS,
    }),
};
