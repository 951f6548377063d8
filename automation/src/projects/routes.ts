import { randomUUID } from "node:crypto";
import type { FastifyInstance } from "fastify";
import { missing } from "../access/missing.ts";
import { insertOrganisation } from "../access/principals-store.ts";
import { listableOrganisations } from "../access/rules.ts";
import { appendAudit } from "../audit/store.ts";
import { endpoints } from "../contract/endpoints.ts";
import type { Project } from "../contract/projects.ts";
import { InstantPlace } from "../database/instant-cursor.ts";
import type { Database } from "../database.ts";
import { withTransaction } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import { decodeCursor, pageFrom } from "../http/cursor.ts";
import { serve } from "../http/endpoint.ts";
import { changeOnce } from "../http/idempotency.ts";
import { readProjectFiles } from "../sources/project-files.ts";
import { resolveAllowed } from "../sources/snapshot.ts";
import * as store from "./store.ts";

export interface ProjectRoutesOptions {
  db: Database;
  /** Folders that may hold projects. */
  projectRoots: readonly string[];
}

/** Routes of projects. */
export function projectRoutes(app: FastifyInstance, { db, projectRoots }: ProjectRoutesOptions): void {
  serve(app, endpoints.listProjects, async ({ query, actor }) => {
    const after = decodeCursor(query.after, InstantPlace);
    const within = listableOrganisations(actor);
    const rows = await store.listProjects(db, { within, after, limit: query.limit });
    return pageFrom(
      rows,
      query.limit,
      ({ place: _, ...project }) => project,
      ({ place }) => place,
    );
  });

  serve(app, endpoints.createProject, async (call) =>
    changeOnce(db, endpoints.createProject, call, {
      prepare: () => checkFolder(call.body.folder, call.body.name, projectRoots),
      apply: async (trx, folder) => {
        const { organisation, name } = call.body;
        // Only the owner gets here with a name that no organisation has.
        if ((await insertOrganisation(trx, organisation)) !== undefined) {
          await appendAudit(trx, {
            ...call.caller,
            action: "organisation.created",
            organisation,
            subject: organisation,
          });
        }
        const made = await store.insertProject(trx, { id: randomUUID(), organisation, name, folder });
        // One that `pulumi stack init` made has no folder yet.
        const project = made ?? (await store.attachFolder(trx, { organisation, name, folder }));
        if (project === undefined) {
          throw new SlipwayError("already_exists", `The project ${organisation}/${name} exists already.`, {
            remedy: "Use it as it is, or remove it first.",
          });
        }
        await appendAudit(trx, {
          ...call.caller,
          action: made === undefined ? "project.folder_attached" : "project.created",
          organisation,
          subject: `${organisation}/${name}`,
          details: { folder },
        });
        return { body: project, location: `/v1/projects/${organisation}/${name}` };
      },
    }),
  );

  serve(app, endpoints.getProject, async ({ params }) =>
    found(await store.findProject(db, params.organisation, params.project), params),
  );

  serve(app, endpoints.removeProject, async ({ params, caller }) =>
    withTransaction(db, async (trx) => {
      const project = found(await store.lockProject(trx, params.organisation, params.project), params);
      const stacks = await store.countStacks(trx, project.id);
      if (stacks > 0) {
        throw new SlipwayError(
          "conflict",
          `The project still has ${stacks} ${stacks === 1 ? "stack" : "stacks"}.`,
          {
            remedy: "Destroy and remove its stacks first.",
          },
        );
      }
      await store.markProjectRemoved(trx, project.id);
      await appendAudit(trx, {
        ...caller,
        action: "project.removed",
        organisation: project.organisation,
        subject: `${project.organisation}/${project.name}`,
        details: { folder: project.folder },
      });
      return null;
    }),
  );
}

/** The folder without links in its path, once it is allowed and its Pulumi.yaml names this project. */
async function checkFolder(folder: string, name: string, roots: readonly string[]): Promise<string> {
  const real = await resolveAllowed(folder, roots);
  const { pulumiProject } = await readProjectFiles(real);
  if (pulumiProject.name === name) return real;
  throw new SlipwayError(
    "source_invalid",
    `Pulumi.yaml in ${folder} names the project '${pulumiProject.name}', not '${name}'.`,
    { remedy: `Register it as '${pulumiProject.name}', or change the name in Pulumi.yaml.` },
  );
}

function found(project: Project | undefined, params: { organisation: string; project: string }): Project {
  if (project !== undefined) return project;
  throw missing.project(params);
}
