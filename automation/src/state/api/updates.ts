import type { FastifyInstance, FastifyReply } from "fastify";
import { z } from "zod";
import { Id } from "../../contract/identifiers.ts";
import type { UpdateStatus } from "../../contract/updates.ts";
import { SlipwayError } from "../../errors.ts";
import { createUpdate, startUpdate } from "../begin-update.ts";
import { cancelUpdate } from "../cancel-update.ts";
import { readEventBatches } from "../engine-events-store.ts";
import { lockAll } from "../states-store.ts";
import { runWork, unpackedBytes } from "../threads/pool.ts";
import { hasEnded } from "../update-feed.ts";
import type { UpdateRow } from "../updates-store.ts";
import { findUpdateRow } from "../updates-store.ts";
import { clientOf } from "./audit.ts";
import { CONFIG_BODY_BYTES, parseBody, parseOptionalBody } from "./bodies.ts";
import { allow } from "./context.ts";
import type { StateApiDependencies } from "./dependencies.ts";
import type { StackCall } from "./route.ts";
import { stackRoute } from "./route.ts";
import { untilGone } from "./until-gone.ts";
import { CreateUpdateRequest, StartUpdateRequest } from "./wire-updates.ts";

const KINDS = ["update", "preview", "refresh", "destroy"] as const;
/** The CLI puts up to 50 events into one. */
const BATCHES_A_PAGE = 10;

const EventsQuery = z.object({
  continuationToken: z
    .string()
    .regex(/^\d{1,9}$/)
    .transform(Number)
    .optional(),
  type: z
    .union([z.string(), z.array(z.string())])
    .transform((types) => [types].flat())
    .optional(),
  urn: z.string().optional(),
});

/** The life of an update as the CLI's access token moves it: create, start, look, cancel. What the running update itself writes is in writes.ts. */
export function updateApiRoutes(api: FastifyInstance, dependencies: StateApiDependencies): void {
  const { db, timing = {} } = dependencies;

  for (const kind of KINDS) {
    // Whether it only looks is known when its options are: `pulumi up` begins with an update that is a preview.
    const route = {
      method: "POST",
      path: `/${kind}`,
      needs: "stack.preview",
      bodyLimitBytes: CONFIG_BODY_BYTES,
    } as const;
    stackRoute(api, db, route, async ({ stack, actor, request, reply }) => {
      const { options, config, metadata } = parseBody(request, CreateUpdateRequest);
      const isPreview = kind === "preview" || options?.dryRun === true;
      if (!isPreview) allow(actor, "stack.update", stack);
      const { updateId } = await createUpdate(
        dependencies,
        actor,
        {
          stackId: stack.stackId,
          kind,
          options: { ...options, dryRun: isPreview },
          config: config ?? {},
          message: metadata?.message || null,
          claimed: metadata?.environment ?? {},
          client: clientOf(request),
          address: request.ip,
        },
        untilGone(reply),
      );
      return { updateID: updateId, requiredPolicies: [] };
    });
  }

  stackRoute(
    api,
    db,
    { method: "POST", path: "/update/:update", needs: "stack.preview" },
    async ({ stack, actor, request, reply }) => {
      const { tags, journalVersion } = parseOptionalBody(request, StartUpdateRequest);
      const update = await updateOf({ dependencies, stackId: stack.stackId, params: request.params });
      if (!update.dryRun) allow(actor, "stack.update", stack);
      return startUpdate(dependencies, {
        stackId: stack.stackId,
        updateId: update.id,
        actor,
        tags: tags ?? undefined,
        journalVersion: journalVersion ?? 0,
        requestId: request.id,
        signal: untilGone(reply),
        ...(timing.leaseMs === undefined ? {} : { leaseMs: timing.leaseMs }),
      });
    },
  );

  stackRoute(
    api,
    db,
    { method: "POST", path: "/update/:update/cancel", needs: "stack.cancel" },
    async ({ stack, actor, request, reply }) => {
      const update = await updateOf({ dependencies, stackId: stack.stackId, params: request.params });
      await cancelUpdate(dependencies, {
        stackId: stack.stackId,
        updateId: update.id,
        by: { principal: actor.id, requestId: request.id },
        signal: untilGone(reply),
        ...(timing.drainMs === undefined ? {} : { drainMs: timing.drainMs }),
      });
      return null;
    },
  );

  stackRoute(api, db, { method: "GET", path: "/update/:update", needs: "stack.read" }, async (call) => {
    const update = await updateOf({
      dependencies,
      stackId: call.stack.stackId,
      params: call.request.params,
    });
    const status = wireStatus(update.status);
    // The CLI asks until it gets no token. It reads no events here: those of the engine have a path of their own.
    return { status, events: [], ...(hasEnded(update.status) ? {} : { continuationToken: "0" }) };
  });

  stackRoute(api, db, { method: "GET", path: "/update/:update/events", needs: "stack.read" }, (call) =>
    sendEvents(dependencies, call),
  );
}

async function sendEvents(
  dependencies: StateApiDependencies,
  { stack, request, reply }: StackCall,
): Promise<FastifyReply> {
  const { db, keyring } = dependencies;
  const query = EventsQuery.safeParse(request.query);
  if (!query.success) throw new SlipwayError("invalid_request", "The query of the events is not valid.");
  const { continuationToken: from = 0, type, urn } = query.data;
  const update = await updateOf({ dependencies, stackId: stack.stackId, params: request.params });
  const found = await readEventBatches(db, update.id, { from, limit: BATCHES_A_PAGE + 1 });
  const batches = found.slice(0, BATCHES_A_PAGE);
  const last = Math.max(from - 1, ...batches.map(({ lastSequence }) => lastSequence));
  // What the next batch begins with belongs to the next page, unless that would be this page again.
  const following = found[BATCHES_A_PAGE]?.firstSequence;
  const before = following === undefined || following <= from ? last + 1 : Math.min(following, last + 1);
  const locked = await lockAll(db, keyring, stack.stackId, batches);
  const wanted = { types: type ?? null, urn: urn ?? null };
  const texts = await runWork(
    "events",
    { batches: locked, range: { from, before }, wanted },
    unpackedBytes(locked),
  );
  const isOver = hasEnded(update.status) && following === undefined;
  const next = isOver ? "null" : JSON.stringify(String(before));
  return reply
    .type("application/json; charset=utf-8")
    .send(`{"events":[${texts.join(",")}],"continuationToken":${next}}`);
}

const Params = z.object({ update: Id });

async function updateOf({
  dependencies,
  stackId,
  params,
}: {
  dependencies: StateApiDependencies;
  stackId: string;
  params: unknown;
}): Promise<UpdateRow> {
  const parsed = Params.safeParse(params);
  const update = parsed.success
    ? await findUpdateRow(dependencies.db, { stackId, updateId: parsed.data.update })
    : undefined;
  if (update === undefined) throw new SlipwayError("not_found", "The stack has no such update.");
  return update;
}

/** The statuses that apitype knows. */
function wireStatus(status: UpdateStatus): string {
  return status === "cancelled" || status === "expired" ? "failed" : status;
}
