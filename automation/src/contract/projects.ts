import { z } from "zod";
import { Id, Instant, OrganisationName, ProjectName } from "./identifiers.ts";

export const Project = z
  .object({
    id: Id,
    organisation: OrganisationName,
    name: ProjectName,
    /** Absolute folder on the server that holds slipway.yaml and Pulumi.yaml; null for a project that the Pulumi CLI made. */
    folder: z.string().nullable(),
    createdAt: Instant,
  })
  .meta({ id: "Project" });
export type Project = z.infer<typeof Project>;

export const CreateProject = z.strictObject({
  organisation: OrganisationName.default("default"),
  name: ProjectName,
  folder: z.string().min(1).max(4096),
});
export type CreateProject = z.infer<typeof CreateProject>;

export const ProjectPath = z.strictObject({ organisation: OrganisationName, project: ProjectName });
