import { randomUUID } from "node:crypto";
import compress from "@fastify/compress";
import type { FastifyBaseLogger, FastifyInstance } from "fastify";
import Fastify, { LogController } from "fastify";
import { serializerCompiler, validatorCompiler } from "fastify-type-provider-zod";
import { accessRoutes } from "./access/routes.ts";
import { approvalRoutes } from "./approvals/routes.ts";
import type { ContentStore } from "./artifacts/content-store.ts";
import { auditRoutes } from "./audit/routes.ts";
import type { Clock } from "./clock.ts";
import type { Notifications } from "./database/notifications.ts";
import type { Database } from "./database.ts";
import { deliveryRoutes } from "./deliveries/routes.ts";
import { deploymentRoutes } from "./deployments/routes.ts";
import type { DiskGuard } from "./disk/guard.ts";
import { diskRoutes } from "./disk/routes.ts";
import type { HintSender } from "./dispatch/hints.ts";
import { dispatchRoutes } from "./dispatch/routes.ts";
import { documentRoutes } from "./documents/routes.ts";
import { driftRoutes } from "./drift/routes.ts";
import { figureRoutes } from "./figures/routes.ts";
import { freezeRoutes } from "./freezes/routes.ts";
import { gateRoutes } from "./gates/routes.ts";
import { authenticate, guardRoutes } from "./http/auth.ts";
import { registerConsole } from "./http/console.ts";
import { OpenStreams } from "./http/event-stream.ts";
import { EventTails } from "./http/event-tails.ts";
import type { HostRule } from "./http/hosts.ts";
import { checkHostAndOrigin } from "./http/hosts.ts";
import { BODY_LIMIT_BYTES, PARAMETER_LIMIT, registerLimits } from "./http/limits.ts";
import { registerMetrics } from "./http/metrics.ts";
import { registerOpenapi, registerReference } from "./http/openapi.ts";
import { registerProbes } from "./http/probes.ts";
import { handleError } from "./http/problems.ts";
import { traceRequests } from "./http/request-spans.ts";
import { watchAddresses } from "./http/unknown-address.ts";
import type { Progress } from "./monitoring/progress.ts";
import { monitoringRoutes } from "./monitoring/routes.ts";
import type { Tracing } from "./monitoring/tracing.ts";
import { notificationRoutes } from "./notifications/routes.ts";
import type { NotificationSettings } from "./notifications/routes-options.ts";
import { policyRoutes } from "./policies/routes.ts";
import { projectRoutes } from "./projects/routes.ts";
import { promotionRoutes } from "./promotions/routes.ts";
import { readinessRoutes } from "./readiness/routes.ts";
import { reconciliationRoutes } from "./reconciliation/routes.ts";
import { releaseRoutes } from "./releases/routes.ts";
import { retentionRoutes } from "./retention/routes.ts";
import { rollbackRoutes } from "./rollbacks/routes.ts";
import { scheduleRoutes } from "./schedules/routes.ts";
import { previewRoutes } from "./seals/preview-routes.ts";
import { sealRoutes } from "./seals/routes.ts";
import { secretVersionRoutes } from "./secret-versions/routes.ts";
import type { Keyring } from "./secrets/keyring.ts";
import { keyRoutes } from "./secrets/routes.ts";
import { shipmentRoutes } from "./shipments/routes.ts";
import { stackRoutes } from "./stacks/routes.ts";
import { registerStateApi } from "./state/api/plugin.ts";
import { importRoutes } from "./state/import/routes.ts";
import { updateRoutes } from "./state/routes.ts";

/** A request that has not ended after so long is a client that trickles; waits and streams count from the end of the request. */
const REQUEST_TIMEOUT_MS = 60_000;

/** Everything that the server's HTTP side works with. Whoever makes these closes them. */
export interface AppDependencies {
  db: Database;
  clock: Clock;
  logger: FastifyBaseLogger;
  notifications: Notifications;
  keyring: Keyring;
  disk: DiskGuard;
  /** Holds this machine's copies, caches and kept work dirs. */
  dataDir: string;
  tracing: Tracing;
  /** Of the loops that run in the same process. */
  progress: Progress;
  artifacts: ContentStore;
  projectRoots: readonly string[];
  notificationSettings: NotificationSettings;
  consoleDir: string;
  hosts: HostRule;
  /** Tells workers of what can be claimed. */
  hints: HintSender;
  /** Newest migration that this program knows. */
  schemaVersion: number;
  /** Of Slipway, for the API's document. */
  version: string;
  /** Of updates of the CLI, when not as the protocol expects. */
  timing?: { leaseMs?: number; drainMs?: number };
  /** False: a loop that is late refuses nothing. */
  shedsLoad?: boolean;
}

/** Puts the HTTP side together. Listens to nothing. Throws when a route does not state its permission. */
export async function buildApp(dependencies: AppDependencies): Promise<FastifyInstance> {
  const { db, hosts, logger } = dependencies;
  const app = Fastify({
    loggerInstance: logger,
    // One line a request is what /metrics and the audit log are for.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    routerOptions: { maxParamLength: PARAMETER_LIMIT },
    genReqId: () => randomUUID(),
    // Before routing there are no hooks; an address that cannot be decoded still tells nothing without a token.
    frameworkErrors: (error, request, reply) => {
      const answer = async (): Promise<void> => {
        if (checkHostAndOrigin(hosts, request, reply) !== undefined) return;
        await authenticate(db, request);
        handleError(error, request, reply);
      };
      answer().catch((reason: unknown) => handleError(reason, request, reply));
    },
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler(handleError);
  app.removeContentTypeParser("text/plain");
  acceptEmptyBodies(app);

  const refuseUnknown = watchAddresses(app);
  const streams = new OpenStreams(app);
  const tails = new EventTails({ ...dependencies, closing: streams.closing });
  app.addHook("onRequest", async (request, reply) => {
    reply.header("x-request-id", request.id);
    return checkHostAndOrigin(hosts, request, reply);
  });
  traceRequests(app, dependencies.tracing);
  guardRoutes(app, db);
  const { shedsLoad = true } = dependencies;
  await registerLimits(app, { https: hosts.publicUrl?.startsWith("https:") === true, shedsLoad });
  await app.register(compress);
  await registerOpenapi(app, dependencies.version);

  diskRoutes(app, dependencies.disk);
  registerProbes(app, dependencies);
  registerMetrics(app, dependencies);
  accessRoutes(app, dependencies);
  approvalRoutes(app, dependencies);
  projectRoutes(app, dependencies);
  stackRoutes(app, dependencies);
  deploymentRoutes(app, { ...dependencies, streams, tails });
  releaseRoutes(app, dependencies);
  shipmentRoutes(app, dependencies);
  rollbackRoutes(app, dependencies);
  promotionRoutes(app, dependencies);
  readinessRoutes(app, dependencies);
  secretVersionRoutes(app, dependencies);
  documentRoutes(app, dependencies);
  previewRoutes(app, dependencies);
  sealRoutes(app, dependencies);
  deliveryRoutes(app, dependencies);
  figureRoutes(app, dependencies);
  gateRoutes(app, dependencies);
  scheduleRoutes(app, dependencies);
  driftRoutes(app, dependencies);
  updateRoutes(app, { ...dependencies, streams, tails });
  monitoringRoutes(app, dependencies);
  auditRoutes(app, dependencies);
  freezeRoutes(app, dependencies);
  policyRoutes(app, dependencies);
  dispatchRoutes(app, dependencies);
  notificationRoutes(app, dependencies);
  keyRoutes(app, dependencies);
  reconciliationRoutes(app, dependencies);
  retentionRoutes(app, dependencies);
  await importRoutes(app, dependencies);
  await registerStateApi(app, dependencies);

  await registerReference(app);
  await registerConsole(app, {
    consoleDir: dependencies.consoleDir,
    refuse: async (request, reply) => {
      await authenticate(db, request);
      return refuseUnknown(request, reply);
    },
  });
  app.setNotFoundHandler((request, reply) => refuseUnknown(request, reply));
  return app;
}

/** A POST without a body may still carry a content type, as many clients send it. */
function acceptEmptyBodies(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser("error", "error");
  app.removeContentTypeParser("application/json");
  app.addContentTypeParser("application/json", { parseAs: "string" }, (request, body, done) => {
    if (body === "") done(null, undefined);
    else void parse(request, body as string, done);
  });
}
