import type { FastifyInstance } from "fastify";
import { missing } from "../access/missing.ts";
import { findMember, listOrganisations, lockOrganisation } from "../access/principals-store.ts";
import type { Actor } from "../access/rules.ts";
import type { ContentStore } from "../artifacts/content-store.ts";
import { appendAudit } from "../audit/store.ts";
import { subjectOf } from "../audit/subject.ts";
import { endpoints } from "../contract/endpoints.ts";
import type { EnablePolicy, PolicyOverride, PolicyRule } from "../contract/policies.ts";
import type { Database, Transaction } from "../database.ts";
import { withTransaction } from "../database.ts";
import { findDeployment } from "../deployments/store.ts";
import { SlipwayError } from "../errors.ts";
import type { Call } from "../http/endpoint.ts";
import { serve } from "../http/endpoint.ts";
import { findProject } from "../projects/store.ts";
import { found } from "../stacks/routes.ts";
import { referStack } from "../stacks/store.ts";
import { storePack } from "./pack-files.ts";
import { readDeploymentPolicies, stoppedCheck } from "./results-store.ts";
import type { LiveRule } from "./store.ts";
import * as store from "./store.ts";

/** An override is for the violations of now: whoever wants to pass over them does it soon. */
const OVERRIDE_HOURS = 24;

interface PolicyRoutesOptions {
  db: Database;
  artifacts: ContentStore;
  dataDir: string;
}

/** Routes of policy packs, the rules that stacks must satisfy, and what they found. */
export function policyRoutes(app: FastifyInstance, { db, artifacts, dataDir }: PolicyRoutesOptions): void {
  serve(app, endpoints.listPolicies, async ({ params: { organisation } }) => {
    await mustExist(db, organisation);
    const [version, packs, rules] = await Promise.all([
      store.readVersion(db, organisation),
      store.listPacks(db, organisation),
      store.listRules(db, organisation),
    ]);
    return { version, packs, rules: rules.map(shown) };
  });

  serve(app, endpoints.publishPack, async ({ params: { organisation }, body, caller }) => {
    await mustExist(db, organisation);
    const stored = await storePack(artifacts, dataDir, body);
    return withTransaction(db, async (trx) => {
      const { name, version, description } = body;
      const pack = { organisation, name, version, description, ...stored, publishedBy: caller.principal };
      const made = await store.insertPack(trx, pack);
      if (made === undefined) {
        throw new SlipwayError("already_exists", `The pack ${name} has a version ${version} already.`, {
          remedy: "A published version is never replaced: publish it as another one.",
        });
      }
      await appendAudit(trx, {
        ...caller,
        action: "policy.pack_published",
        organisation,
        subject: organisation,
        details: { pack: name, version, digest: made.digest },
      });
      return made;
    });
  });

  serve(app, endpoints.enablePolicy, async ({ params: { organisation }, body, caller }) =>
    withTransaction(db, async (trx) => {
      if (!(await lockOrganisation(trx, organisation))) throw missing.organisation(organisation);
      const { packId, projectId } = await namedBy(trx, organisation, body);
      const id = await store.insertRule(trx, {
        organisation,
        projectId,
        tag: body.tag ?? null,
        kind: body.kind,
        packId,
        level: body.level,
        overridable: body.overridable,
        holdsForRollbacks: body.holdsForRollbacks,
        config: body.config,
        enabledBy: caller.principal,
      });
      const version = await store.countChange(trx, organisation);
      await appendAudit(trx, {
        ...caller,
        action: "policy.enabled",
        organisation,
        subject: body.project === undefined ? organisation : `${organisation}/${body.project}`,
        details: { rule: id, version, ...body },
      });
      const made = (await store.listRules(trx, organisation)).find((rule) => rule.id === id);
      if (made === undefined) throw new Error("the rule that was just made is not there");
      return shown(made);
    }),
  );

  serve(app, endpoints.disablePolicy, async ({ params: { organisation, rule }, caller }) =>
    withTransaction(db, async (trx) => {
      if (!(await store.endRule(trx, organisation, rule, caller.principal)))
        throw new SlipwayError("not_found", `The organisation has no rule ${rule} that counts.`);
      const version = await store.countChange(trx, organisation);
      await appendAudit(trx, {
        ...caller,
        action: "policy.disabled",
        organisation,
        subject: organisation,
        details: { rule, version },
      });
      return null;
    }),
  );

  overriderRoutes(app, db);

  serve(app, endpoints.getStackPolicies, async ({ params }) => {
    const stack = found(await referStack(db, params), params);
    const { version, digest, rules } = await store.readPolicySet(db, stack.id);
    return { version, digest, rules: rules.map(shown) };
  });

  serve(app, endpoints.getDeploymentPolicies, async ({ params }) => readDeploymentPolicies(db, params.id));

  serve(app, endpoints.overridePolicies, async (call) => withTransaction(db, (trx) => override(trx, call)));
}

function overriderRoutes(app: FastifyInstance, db: Database): void {
  serve(app, endpoints.listOverriders, async ({ params: { organisation } }) => {
    await mustExist(db, organisation);
    return { items: await store.listOverriders(db, organisation) };
  });

  serve(app, endpoints.grantOverride, async ({ params: { organisation, user }, caller }) =>
    withTransaction(db, async (trx) => {
      if (!(await lockOrganisation(trx, organisation))) throw missing.organisation(organisation);
      const principal = `user:${user}`;
      if ((await findMember(trx, organisation, principal)) === undefined)
        throw new SlipwayError("not_found", `${user} is no member of ${organisation}.`, {
          remedy: "Only who may deploy can pass over violations: slipway members set.",
        });
      const grant = { organisation, principal, grantedBy: caller.principal };
      const made = await store.insertOverrider(trx, grant);
      if (made === undefined) throw new Error("the right that was just given is not there");
      await appendAudit(trx, {
        ...caller,
        action: "policy.override_granted",
        organisation,
        subject: organisation,
        details: { member: principal },
      });
      return made;
    }),
  );

  serve(app, endpoints.withdrawOverride, async ({ params: { organisation, user }, caller }) =>
    withTransaction(db, async (trx) => {
      if (!(await store.removeOverrider(trx, organisation, `user:${user}`)))
        throw new SlipwayError("not_found", `${user} may not pass over violations as it is.`);
      await appendAudit(trx, {
        ...caller,
        action: "policy.override_withdrawn",
        organisation,
        subject: organisation,
        details: { member: `user:${user}` },
      });
      return null;
    }),
  );
}

/** Answers for the violations that stopped a deployment. Throws `forbidden`, `conflict`, and `not_found` when its policies did not stop it. */
async function override(
  trx: Transaction,
  { params: { id }, body, caller, actor }: Call<typeof endpoints.overridePolicies>,
): Promise<PolicyOverride> {
  const deployment = await findDeployment(trx, id);
  if (deployment === undefined) throw missing.deployment(id);
  const { organisation, project, stack } = deployment;
  const check = await stoppedCheck(trx, id);
  if (check === undefined || deployment.finishedAt === null) {
    throw new SlipwayError("conflict", "No policy has stopped this deployment.", {
      remedy: "An override is for a deployment that ended with policy_violation.",
    });
  }
  if (!(await mayOverride(trx, actor, organisation))) {
    throw new SlipwayError("forbidden", `${actor.name} may not pass over violations of policies.`, {
      remedy: "It is a right of its own: an admin gives it to a person with slipway policies grant.",
    });
  }
  if (!check.overridable) {
    throw new SlipwayError("conflict", "Among its violations is one that nobody can pass over.", {
      remedy: "Correct the program, or let an admin change the rule.",
    });
  }
  if (check.seal !== body.seal) {
    throw new SlipwayError(
      "conflict",
      "What stopped the deployment is something else than what the seal names.",
      {
        remedy: `Look at it again: GET /v1/deployments/${id}/policies.`,
      },
    );
  }
  const made = await store.insertOverride(trx, {
    ...check,
    deploymentId: id,
    reason: body.reason,
    by: caller.principal,
    hours: OVERRIDE_HOURS,
  });
  if (made === undefined) {
    throw new SlipwayError("already_exists", "Somebody has answered for these violations already.", {
      remedy: "Deploy the same content again.",
    });
  }
  await appendAudit(trx, {
    ...caller,
    action: "policy.overridden",
    organisation,
    subject: subjectOf({ organisation, project, stack }),
    details: { deployment: id, override: made.id, seal: made.seal, reason: body.reason },
  });
  return made;
}

/** The owner of the installation may, since nobody else could be asked on a machine of one's own; of others those to whom it was given. Never a service account. */
async function mayOverride(trx: Transaction, actor: Actor, organisation: string): Promise<boolean> {
  if (actor.kind === "owner") return true;
  if (actor.kind !== "user") return false;
  return (await store.listOverriders(trx, organisation)).some(({ principal }) => principal === actor.id);
}

/** Ids of what a rule names. Throws `not_found` for a pack or a project that is not there. */
async function namedBy(
  trx: Transaction,
  organisation: string,
  asked: EnablePolicy,
): Promise<{ packId: string | null; projectId: string | null }> {
  let projectId: string | null = null;
  if (asked.project !== undefined) {
    const project = await findProject(trx, organisation, asked.project);
    if (project === undefined) throw missing.project({ organisation, project: asked.project });
    projectId = project.id;
  }
  if (asked.kind !== "pack") return { packId: null, projectId };
  const packs = await store.listPacks(trx, organisation);
  const pack = packs.find(({ name, version }) => name === asked.pack && version === asked.version);
  if (pack === undefined) {
    throw new SlipwayError("not_found", `There is no pack ${asked.pack} of version ${asked.version}.`, {
      remedy: "Publish it first: slipway policies publish <folder>.",
    });
  }
  return { packId: pack.id, projectId };
}

async function mustExist(db: Database, organisation: string): Promise<void> {
  if ((await listOrganisations(db, [organisation])).length === 0) throw missing.organisation(organisation);
}

function shown({ projectId: _, lockfileDigest: __, ...rule }: LiveRule): PolicyRule {
  return rule;
}
