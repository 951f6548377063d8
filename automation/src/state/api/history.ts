import type { FastifyInstance } from "fastify";
import { z } from "zod";
import type { Database } from "../../database.ts";
import { SlipwayError } from "../../errors.ts";
import { checkForm } from "./bodies.ts";
import type { PastUpdate } from "./history-store.ts";
import { latestRun, listPastUpdates } from "./history-store.ts";
import { stackRoute } from "./route.ts";

const DEFAULT_PAGE = 100;
const LARGEST_PAGE = 1_000;

const HistoryQuery = z.object({
  pageSize: z.coerce
    .number()
    .int()
    .min(0)
    .default(0)
    .transform((size) => (size === 0 ? DEFAULT_PAGE : Math.min(size, LARGEST_PAGE))),
  page: z.coerce.number().int().min(1).max(1_000_000).default(1),
});

/** Updates that may have changed a stack, newest first. */
export function historyRoutes(api: FastifyInstance, { db }: { db: Database }): void {
  stackRoute(
    api,
    db,
    { method: "GET", path: "/updates", needs: "stack.read" },
    async ({ stack, request }) => {
      const { pageSize, page } = checkForm(request.query, HistoryQuery, "query");
      const updates = await listPastUpdates(db, stack.stackId, {
        limit: pageSize,
        offset: (page - 1) * pageSize,
      });
      return { updates: updates.map(toUpdateInfo), itemsPerPage: pageSize };
    },
  );

  stackRoute(api, db, { method: "GET", path: "/updates/latest", needs: "stack.read" }, async ({ stack }) => {
    const latest = await latestRun(db, stack.stackId);
    if (latest === undefined) throw new SlipwayError("not_found", "Nothing has changed this stack yet.");
    return { info: toUpdateInfo(latest), version: latest.number };
  });
}

/** apitype.UpdateInfo of Pulumi's SDK. */
function toUpdateInfo(update: PastUpdate) {
  return {
    // What changes parts of a state is an import to the CLI, which knows no edits.
    kind: update.kind === "edit" ? "import" : update.kind,
    startTime: update.startedSeconds,
    message: update.message ?? "",
    environment: update.claimed,
    config: update.config,
    result: resultOf(update.status),
    endTime: update.finishedSeconds ?? 0,
    version: update.number,
    ...(update.changes === null ? {} : { resourceChanges: update.changes }),
    ...(update.resourceCount === null ? {} : { resourceCount: update.resourceCount }),
  };
}

function resultOf(status: string): "in-progress" | "succeeded" | "failed" {
  if (status === "running") return "in-progress";
  return status === "succeeded" ? "succeeded" : "failed";
}
