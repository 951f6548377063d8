import type { Client } from "@slipway/automation/client";
import type { StackPath } from "@slipway/automation/contract";
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";

const LIST_INTERVAL_MS = 5_000;
const RUNNING_INTERVAL_MS = 2_000;
const PAGE_SIZE = 50;
const MAX_PAGE_SIZE = 200;

/** Names a project in an address. */
export type ProjectPath = Pick<StackPath, "organisation" | "project">;

/** Without what else the name of a stack holds: the server refuses what it does not know. */
function nameOf({ organisation, project }: ProjectPath): ProjectPath {
  return { organisation, project };
}

/** What is read of promotions, deliveries and figures. */
export const promotionQueries = {
  environments: (client: Client, project: ProjectPath) =>
    queryOptions({
      queryKey: ["project", project.organisation, project.project, "environments"],
      queryFn: () => client.getEnvironments({ params: nameOf(project) }),
      refetchInterval: LIST_INTERVAL_MS,
    }),
  stacks: (client: Client, project: ProjectPath) =>
    queryOptions({
      queryKey: ["project", project.organisation, project.project, "stacks"],
      queryFn: () => client.listStacks({ query: { ...nameOf(project), limit: MAX_PAGE_SIZE } }),
    }),
  /** What a promotion would bring to a stack now. */
  promotion: (client: Client, target: StackPath, from: string, release: number) =>
    queryOptions({
      queryKey: ["promotion", target.organisation, target.project, target.stack, from, release],
      queryFn: () => client.previewPromotion({ params: target, query: { from, release } }),
    }),
  deliveries: (client: Client, project?: ProjectPath) =>
    infiniteQueryOptions({
      queryKey: ["deliveries", project ?? null],
      queryFn: ({ pageParam }) =>
        client.listStackDeliveries({
          query: {
            ...(project && nameOf(project)),
            limit: PAGE_SIZE,
            ...(pageParam === null ? {} : { after: pageParam }),
          },
        }),
      initialPageParam: null as string | null,
      getNextPageParam: (last) => last.next,
      refetchInterval: LIST_INTERVAL_MS,
    }),
  delivery: (client: Client, id: string) =>
    queryOptions({
      queryKey: ["delivery", id],
      queryFn: () => client.getStackDelivery({ params: { id } }),
      refetchInterval: ({ state }) =>
        state.data !== undefined && state.data.endedAt !== null ? false : RUNNING_INTERVAL_MS,
    }),
  figures: (client: Client, project: ProjectPath, days: number) =>
    queryOptions({
      queryKey: ["project", project.organisation, project.project, "figures", days],
      queryFn: () => client.getFigures({ params: nameOf(project), query: { days } }),
      refetchInterval: LIST_INTERVAL_MS,
    }),
};
