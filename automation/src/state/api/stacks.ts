import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { decide } from "../../access/rules.ts";
import { refuseUnapproved, refuseUnprotecting } from "../../approvals/refuse.ts";
import { OrganisationName, ProjectName } from "../../contract/identifiers.ts";
import { withTransaction } from "../../database.ts";
import { SlipwayError } from "../../errors.ts";
import { findProject } from "../../projects/store.ts";
import { checkRemoval } from "../../stacks/rules.ts";
import { markStackRemoved, readStackUse, replaceTags } from "../../stacks/store.ts";
import { auditStack } from "./audit.ts";
import { actorOfRequest } from "./auth.ts";
import { checkForm, parseBody, STATE_BODY_BYTES } from "./bodies.ts";
import { lockFreeStack, lockStack } from "./context.ts";
import { createStack, readCreateStack } from "./create-stack.ts";
import type { StateApiDependencies } from "./dependencies.ts";
import { apiRoute, stackRoute } from "./route.ts";
import { readStackDetails } from "./stacks-store.ts";
import { TagsRequest } from "./wire.ts";

const PROJECT_PATH = "/stacks/:organisation/:project";
const ProjectParams = z.object({ organisation: OrganisationName, project: ProjectName });
const DeleteQuery = z.object({ force: z.enum(["true", "false"]).default("false") });

/** Stacks and their tags. */
export function stackRoutes(api: FastifyInstance, dependencies: StateApiDependencies): void {
  const { db } = dependencies;

  apiRoute(api, { method: "HEAD", path: PROJECT_PATH, needs: "access-token" }, async (request, reply) => {
    const names = ProjectParams.safeParse(request.params);
    const project = names.success
      ? await findProject(db, names.data.organisation, names.data.project)
      : undefined;
    const isVisible =
      project !== undefined &&
      decide(actorOfRequest(request), "organisation.read", { organisation: project.organisation }) ===
        "allowed";
    if (!isVisible) throw new SlipwayError("not_found", "There is no such project.");
    return reply.code(200).send();
  });

  apiRoute(
    api,
    { method: "POST", path: PROJECT_PATH, needs: "access-token", bodyLimitBytes: STATE_BODY_BYTES },
    async (request) => {
      const { organisation, project } = checkForm(request.params, ProjectParams, "address");
      await createStack(dependencies, {
        organisation,
        project,
        ...readCreateStack(request),
        actor: actorOfRequest(request),
        request,
      });
      return {};
    },
  );

  stackRoute(
    api,
    db,
    { method: "GET", path: "", needs: "stack.see" },
    async ({ stack: { stackId, name } }) => {
      const { tags, version, active } = await readStackDetails(db, stackId);
      return {
        id: stackId,
        orgName: name.organisation,
        projectName: name.project,
        stackName: name.stack,
        activeUpdate: active?.id ?? "",
        ...(active === null
          ? {}
          : {
              currentOperation: {
                kind: active.kind,
                author: active.principal,
                started: active.startedSeconds,
              },
            }),
        tags,
        version,
      };
    },
  );

  stackRoute(
    api,
    db,
    { method: "DELETE", path: "", needs: "stack.remove" },
    async ({ stack, actor, request }) => {
      const { force } = checkForm(request.query, DeleteQuery, "query");
      await withTransaction(db, async (trx) => {
        // Without its state nobody could change its resources with approval any more.
        if (force === "true") await refuseUnapproved(trx, stack.stackId, "A forced removal");
        await lockFreeStack(trx, stack);
        const use = await readStackUse(trx, stack.stackId);
        if (force === "false") checkRemoval(use);
        await markStackRemoved(trx, stack.stackId);
        await auditStack(trx, { actor, request, stack: stack.name }, "stack.removed", {
          forced: force === "true",
          resources: use.resourceCount,
        });
      });
      return null;
    },
  );

  stackRoute(
    api,
    db,
    { method: "PATCH", path: "/tags", needs: "stack.configure" },
    async ({ stack, actor, request }) => {
      const tags = parseBody(request, TagsRequest) ?? {};
      await withTransaction(db, async (trx) => {
        await lockStack(trx, stack);
        await refuseUnprotecting(trx, { stackId: stack.stackId, actor, tags });
        await replaceTags(trx, stack.stackId, tags);
        await auditStack(trx, { actor, request, stack: stack.name }, "stack.tags_replaced", { tags });
      });
      return null;
    },
  );

  stackRoute(api, db, { method: "PUT", path: "/config", needs: "stack.configure" }, () => {
    throw new SlipwayError(
      "option_not_supported",
      "Slipway does not keep a stack's config in an ESC environment.",
      {
        remedy: "Keep it in Pulumi.<stack>.yaml, which pulumi config writes.",
      },
    );
  });
}
