import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { missing } from "../access/missing.ts";
import { listableOrganisations } from "../access/rules.ts";
import type { ContentStore } from "../artifacts/content-store.ts";
import type { Clock } from "../clock.ts";
import type { Deployment } from "../contract/deployments.ts";
import type { Endpoint } from "../contract/endpoint.ts";
import { endpoints } from "../contract/endpoints.ts";
import { InstantPlace } from "../database/instant-cursor.ts";
import type { Notifications } from "../database/notifications.ts";
import type { Database } from "../database.ts";
import { withTransaction } from "../database.ts";
import type { HintSender } from "../dispatch/hints.ts";
import { decodeCursor, pageFrom } from "../http/cursor.ts";
import type { Call } from "../http/endpoint.ts";
import { serve } from "../http/endpoint.ts";
import type { OpenStreams } from "../http/event-stream.ts";
import { resumeAfter } from "../http/event-stream.ts";
import type { EventTails } from "../http/event-tails.ts";
import { changeOnce } from "../http/idempotency.ts";
import { checkPromote } from "../promotions/rules.ts";
import { promotedSource } from "../promotions/source.ts";
import type { Keyring } from "../secrets/keyring.ts";
import { found } from "../stacks/routes.ts";
import { referStack } from "../stacks/store.ts";
import { holdWhileDatabaseIsAway } from "../state/hold.ts";
import { readAccount } from "./accounts-store.ts";
import { cancelDeployment } from "./cancel.ts";
import { continueDeployment } from "./continue.ts";
import { eventsOf } from "./event-feed.ts";
import { refuseForeignState } from "./foreign-state.ts";
import { queueDeployment } from "./request.ts";
import { checkOptions, isTerminal } from "./rules.ts";
import { requestedSource } from "./source.ts";
import * as store from "./store.ts";
import { waitForEnd } from "./wait.ts";

/** How many of an account were listed before: it never changes. */
const AccountPlace = z.tuple([z.int().min(1)]);

export interface DeploymentRoutesOptions {
  db: Database;
  clock: Clock;
  notifications: Notifications;
  keyring: Keyring;
  artifacts: ContentStore;
  projectRoots: readonly string[];
  streams: OpenStreams;
  tails: EventTails;
  hints: HintSender;
}

/** Routes of deployments and their events. */
export function deploymentRoutes(app: FastifyInstance, options: DeploymentRoutesOptions): void {
  const { db, clock, notifications, streams } = options;

  serve(app, endpoints.requestDeployment, async (call) => {
    const { query, reply } = call;
    const deployment = await requestDeployment(options, call);
    if (query.wait === 0) return deployment;
    return (
      (await waitForEnd(db, notifications, deployment.id, query.wait, streams.signalOf(reply))) ?? deployment
    );
  });

  serve(app, endpoints.listStackDeployments, async ({ params, query }) => {
    const stack = found(await referStack(db, params), params);
    const after = decodeCursor(query.after, InstantPlace);
    return pageOf(
      await store.listDeployments(db, { stackId: stack.id, within: "all", after, limit: query.limit }),
      query.limit,
    );
  });

  serve(app, endpoints.listDeployments, async ({ query, actor }) => {
    const after = decodeCursor(query.after, InstantPlace);
    const within = listableOrganisations(actor);
    return pageOf(await store.listDeployments(db, { ...query, within, after }), query.limit);
  });

  serve(app, endpoints.getDeployment, async ({ params, query, reply }) =>
    foundDeployment(
      await waitForEnd(db, notifications, params.id, query.wait, streams.signalOf(reply)),
      params.id,
    ),
  );

  // Held while the database is away for a moment: a wish to stop must not be lost, and asking twice changes nothing.
  serve(app, endpoints.cancelDeployment, ({ params: { id }, caller, reply }) =>
    holdWhileDatabaseIsAway(
      () => withTransaction(db, (trx) => cancelDeployment(trx, { clock }, { id, caller })),
      streams.signalOf(reply),
    ),
  );

  serve(app, endpoints.continueDeployment, async (call) =>
    changeOnce(db, endpoints.continueDeployment, call, {
      prepare: () => Promise.resolve(),
      apply: async (trx) => {
        const { params, body, caller } = call;
        const deployment = await continueDeployment(trx, { clock }, { id: params.id, body, caller });
        return { body: deployment, location: `/v1/deployments/${deployment.id}` };
      },
    }),
  );

  serve(app, endpoints.listDeploymentResources, async ({ params: { id }, query }) => {
    foundDeployment(await store.readStatus(db, id), id);
    const all = await readAccount(db, id);
    const wanted = query.outcome === undefined ? all : all.filter(({ outcome }) => outcome === query.outcome);
    const from = decodeCursor(query.after, AccountPlace)?.[0] ?? 0;
    const page = wanted.slice(from, from + query.limit + 1);
    return pageFrom(
      page.map((resource, index) => ({ resource, place: from + index + 1 })),
      query.limit,
      ({ resource }) => resource,
      ({ place }) => [place],
    );
  });

  serve(app, endpoints.listEvents, async ({ params: { id }, query, request, reply }) => {
    const status = foundDeployment(await store.readStatus(db, id), id);
    if (request.headers.accept?.includes("text/event-stream") === true) {
      return options.tails.follow(reply, eventsOf(db, id), resumeAfter(request, query.after));
    }
    const items = await store.readEvents(db, id, query);
    return { items, complete: isTerminal(status) && items.length < query.limit };
  });
}

async function requestDeployment(
  options: DeploymentRoutesOptions,
  call: Call<typeof endpoints.requestDeployment>,
): Promise<Deployment> {
  const { db, keyring, clock, hints } = options;
  const { params, body, caller } = call;
  const { traceParent } = call.request;
  return changeOnce(db, endpoints.requestDeployment satisfies Endpoint, call, {
    prepare: async () => {
      checkOptions(body.operation, body.options, body.release);
      checkPromote(body.operation, body.promote, body.options);
      const stack = found(await referStack(db, params), params);
      if (body.promote !== undefined) {
        return promotedSource(options, { ...params, id: stack.id }, body.promote);
      }
      if (body.operation === "detect-drift") return null;
      if (body.operation === "rollback" || body.operation === "remediate-drift") {
        await refuseForeignState(db, keyring, { id: stack.id, name: params.stack });
        return null;
      }
      const source = await requestedSource(options, body.operation, {
        id: stack.id,
        name: params.stack,
        folder: stack.projectFolder,
      });
      return { source, promotion: null };
    },
    apply: async (trx, taken) => {
      const stack = found(await referStack(trx, params, { lock: true }), params);
      const request = {
        stackId: stack.id,
        name: params,
        body,
        source: taken?.source ?? null,
        promotion: taken?.promotion ?? null,
        actor: call.actor,
        caller,
      };
      const deployment = await queueDeployment(trx, { keyring, clock, hints }, request);
      if (traceParent !== null) await store.recordTraceParent(trx, deployment.id, traceParent);
      return { body: deployment, location: `/v1/deployments/${deployment.id}` };
    },
  });
}

function pageOf(rows: readonly store.ListedDeployment[], limit: number) {
  return pageFrom(
    rows,
    limit,
    ({ place: _, ...deployment }) => deployment,
    ({ place }) => place,
  );
}

function foundDeployment<T>(deployment: T | undefined, id: string): T {
  if (deployment !== undefined) return deployment;
  throw missing.deployment(id);
}
