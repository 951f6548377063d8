import type { FastifyInstance } from "fastify";
import { missing } from "../access/missing.ts";
import type { Actor } from "../access/rules.ts";
import { can, INSTALLATION, listableOrganisations } from "../access/rules.ts";
import { lockClaims } from "../attempts/claim-store.ts";
import { appendAudit } from "../audit/store.ts";
import { endpoints } from "../contract/endpoints.ts";
import type { Pause, RunLimit } from "../contract/queue.ts";
import type { Database, Transaction } from "../database.ts";
import { withTransaction } from "../database.ts";
import { notify, WORK_CHANNEL } from "../deployments/events-store.ts";
import type { Caller } from "../http/endpoint.ts";
import { serve } from "../http/endpoint.ts";
import { findProject } from "../projects/store.ts";
import { found } from "../stacks/routes.ts";
import { referStack } from "../stacks/store.ts";
import { listLimits, removeLimit, setLimit } from "./limits-store.ts";
import { listQueue } from "./list-queue.ts";
import type { PauseSubject, StoredPause } from "./pauses-store.ts";
import { findPause, listPauses, removePause, setPause } from "./pauses-store.ts";
import { listWorkers } from "./workers-store.ts";

/** What a change of the dispatch is about, as the audit log names it. */
interface Subject {
  organisation: string;
  subject: string;
}

const WHOLE_INSTALLATION: Subject = { organisation: INSTALLATION.organisation, subject: "installation" };

/** Routes of the queue, of pauses and limits, and of workers. */
export function dispatchRoutes(app: FastifyInstance, { db }: { db: Database }): void {
  serve(app, endpoints.listQueue, async ({ query, actor }) =>
    listQueue(db, listableOrganisations(actor), query.limit),
  );
  serve(app, endpoints.listPauses, async ({ actor }) => ({
    items: (await listPauses(db, listableOrganisations(actor))).map((pause) => forActor(pause, actor)),
  }));
  serve(app, endpoints.listLimits, async ({ actor }) => ({
    items: await listLimits(db, listableOrganisations(actor)),
  }));
  serve(app, endpoints.listWorkers, async ({ actor }) => ({
    // An attempt's engine has no use for the machines of the installation.
    items: actor.kind === "attempt" ? [] : await listWorkers(db),
  }));

  serve(app, endpoints.pauseEverything, async ({ body, caller, actor }) =>
    withTransaction(db, (trx) =>
      pause(trx, { scope: "everything" }, WHOLE_INSTALLATION, body.reason, caller, actor),
    ),
  );
  serve(app, endpoints.resumeEverything, async ({ caller }) =>
    withTransaction(db, (trx) => resume(trx, { scope: "everything" }, WHOLE_INSTALLATION, caller)),
  );

  serve(app, endpoints.pauseProject, async ({ params, body, caller, actor }) =>
    withTransaction(db, async (trx) => {
      const projectId = await projectIdOf(trx, params);
      return pause(trx, { scope: "project", projectId }, ofProject(params), body.reason, caller, actor);
    }),
  );
  serve(app, endpoints.resumeProject, async ({ params, caller }) =>
    withTransaction(db, async (trx) => {
      const projectId = await projectIdOf(trx, params);
      return resume(trx, { scope: "project", projectId }, ofProject(params), caller);
    }),
  );

  serve(app, endpoints.pauseStack, async ({ params, body, caller, actor }) =>
    withTransaction(db, async (trx) => {
      const { id } = found(await referStack(trx, params), params);
      return pause(trx, { scope: "stack", stackId: id }, ofStack(params), body.reason, caller, actor);
    }),
  );
  serve(app, endpoints.resumeStack, async ({ params, caller }) =>
    withTransaction(db, async (trx) => {
      const { id } = found(await referStack(trx, params), params);
      return resume(trx, { scope: "stack", stackId: id }, ofStack(params), caller);
    }),
  );

  serve(app, endpoints.setInstallationLimit, async ({ body, caller }) =>
    withTransaction(db, (trx) => limit(trx, null, WHOLE_INSTALLATION, body.most, caller)),
  );
  serve(app, endpoints.removeInstallationLimit, async ({ caller }) =>
    withTransaction(db, (trx) => unlimit(trx, null, WHOLE_INSTALLATION, caller)),
  );
  serve(app, endpoints.setProjectLimit, async ({ params, body, caller }) =>
    withTransaction(db, async (trx) =>
      limit(trx, await projectIdOf(trx, params), ofProject(params), body.most, caller),
    ),
  );
  serve(app, endpoints.removeProjectLimit, async ({ params, caller }) =>
    withTransaction(db, async (trx) =>
      unlimit(trx, await projectIdOf(trx, params), ofProject(params), caller),
    ),
  );
}

async function pause(
  trx: Transaction,
  subject: PauseSubject,
  named: Subject,
  reason: string,
  caller: Caller,
  actor: Actor,
): Promise<Pause> {
  await lockClaims(trx);
  await setPause(trx, subject, { reason, principal: caller.principal });
  await appendAudit(trx, { ...caller, ...named, action: `${subject.scope}.paused`, details: { reason } });
  const stored = await findPause(trx, subject);
  if (stored === undefined) throw new Error("the pause that was just written is not there");
  return forActor(stored, actor);
}

async function resume(
  trx: Transaction,
  subject: PauseSubject,
  named: Subject,
  caller: Caller,
): Promise<null> {
  await lockClaims(trx);
  const reason = await removePause(trx, subject);
  // Twice resumed is resumed.
  if (reason === undefined) return null;
  await appendAudit(trx, {
    ...caller,
    ...named,
    action: `${subject.scope}.resumed`,
    details: { pausedFor: reason },
  });
  await notify(trx, WORK_CHANNEL, "resumed");
  return null;
}

async function limit(
  trx: Transaction,
  projectId: string | null,
  named: Subject,
  most: number,
  caller: Caller,
): Promise<RunLimit> {
  await lockClaims(trx);
  await setLimit(trx, projectId, { most, principal: caller.principal });
  await appendAudit(trx, { ...caller, ...named, action: "limit.set", details: { most } });
  await notify(trx, WORK_CHANNEL, "limits");
  const [organisation = null, project = null] = projectId === null ? [] : named.subject.split("/");
  const written = (await listLimits(trx, "all")).find(
    (one) => one.organisation === organisation && one.project === project,
  );
  if (written === undefined) throw new Error("the limit that was just written is not there");
  return written;
}

async function unlimit(
  trx: Transaction,
  projectId: string | null,
  named: Subject,
  caller: Caller,
): Promise<null> {
  await lockClaims(trx);
  const most = await removeLimit(trx, projectId);
  if (most === undefined) return null;
  await appendAudit(trx, { ...caller, ...named, action: "limit.removed", details: { most } });
  await notify(trx, WORK_CHANNEL, "limits");
  return null;
}

async function projectIdOf(db: Database, params: { organisation: string; project: string }): Promise<string> {
  const project = await findProject(db, params.organisation, params.project);
  if (project === undefined) throw missing.project(params);
  return project.id;
}

function ofProject({ organisation, project }: { organisation: string; project: string }): Subject {
  return { organisation, subject: `${organisation}/${project}` };
}

function ofStack(name: { organisation: string; project: string; stack: string }): Subject {
  return { organisation: name.organisation, subject: `${name.organisation}/${name.project}/${name.stack}` };
}

function forActor(pause: StoredPause, actor: Actor): Pause {
  return { ...pause, mayResume: mayResume(pause, actor) };
}

function mayResume({ scope, organisation }: StoredPause, actor: Actor): boolean {
  if (scope === "everything" || organisation === null) return can(actor, "installation.manage", INSTALLATION);
  return can(actor, scope === "project" ? "project.pause" : "stack.pause", { organisation });
}
