import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { Id, StackPath } from "../../contract/identifiers.ts";
import { SlipwayError } from "../../errors.ts";
import { renewLease } from "../begin-update.ts";
import { completeUpdate } from "../end-update.ts";
import { recordEvents } from "../record-events.ts";
import type { Writing } from "../write-state.ts";
import { appendJournal, writeCheckpoint } from "../write-state.ts";
import { updateTokenOf } from "./auth.ts";
import { BATCH_BODY_BYTES, bodyText, parseBody, parseOptionalBody, STATE_BODY_BYTES } from "./bodies.ts";
import type { StateApiDependencies } from "./dependencies.ts";
import type { ApiRoute } from "./route.ts";
import { apiRoute, STACK_PATH } from "./route.ts";
import { untilGone } from "./until-gone.ts";
import { CompleteUpdateRequest, RenewLeaseRequest } from "./wire-updates.ts";

/** What the CLI assumes when it names no duration. */
const DEFAULT_LEASE_SECONDS = 300;

const Params = StackPath.extend({ update: Id });

/**
 * What a running update writes, with its own token and nothing else. Path and token are compared in the transaction that writes, so that none of these routes looks at
 * who asks.
 */
export function writeApiRoutes(api: FastifyInstance, dependencies: StateApiDependencies): void {
  const { timing = {} } = dependencies;

  inUpdate(api, { method: "POST", path: "/renew_lease" }, async (writing, request) => {
    const { duration } = parseOptionalBody(request, RenewLeaseRequest);
    return renewLease(dependencies, writing, duration ?? DEFAULT_LEASE_SECONDS, timing.leaseMs);
  });

  inUpdate(
    api,
    { method: "PATCH", path: "/journalentries", bodyLimitBytes: BATCH_BODY_BYTES },
    async (writing, request) => {
      await appendJournal(dependencies, writing, bodyText(request));
      return null;
    },
  );

  inUpdate(
    api,
    { method: "PATCH", path: "/checkpoint", bodyLimitBytes: STATE_BODY_BYTES },
    async (writing, request) => {
      await writeCheckpoint(dependencies, writing, bodyText(request));
      return null;
    },
  );

  inUpdate(
    api,
    { method: "POST", path: "/events/batch", bodyLimitBytes: BATCH_BODY_BYTES },
    async (writing, request) => {
      await recordEvents(dependencies, writing, { text: bodyText(request), packed: request.packedBody });
      return null;
    },
  );

  inUpdate(api, { method: "POST", path: "/complete" }, async (writing, request) => {
    const { status } = parseBody(request, CompleteUpdateRequest);
    await completeUpdate(dependencies, writing, status, request.id);
    return null;
  });
}

/** A route below a running update, always `update` in the path, whatever its kind. */
function inUpdate(
  api: FastifyInstance,
  route: Pick<ApiRoute, "method" | "path" | "bodyLimitBytes">,
  handle: (writing: Writing, request: FastifyRequest) => Promise<unknown>,
): void {
  const path = `${STACK_PATH}/update/:update${route.path}`;
  apiRoute(api, { ...route, path, needs: "update-token" }, (request, reply) =>
    handle(writingOf(request, reply), request),
  );
}

function writingOf(request: FastifyRequest, reply: FastifyReply): Writing {
  const params = Params.safeParse(request.params);
  if (!params.success) throw new SlipwayError("not_found", "There is no such update.");
  const { update: updateId, ...stack } = params.data;
  return { ...stack, updateId, token: updateTokenOf(request), signal: untilGone(reply) };
}
