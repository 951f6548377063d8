import { z } from "zod";

export const Role = z.enum(["viewer", "deployer", "admin"]);
export type Role = z.infer<typeof Role>;

/**
 * What somebody wants to do. `stack.preview` takes no lock and changes nothing; `stack.update` is a bare update of the Pulumi CLI or an
 * edit of the state. `installation.*` is about no organisation: figures of all, organisations and people themselves.
 */
export const Verb = z.enum([
  "installation.read",
  "installation.manage",
  "organisation.read",
  "organisation.manage",
  "project.create",
  "project.remove",
  "stack.read",
  "stack.export",
  "stack.preview",
  "stack.update",
  "stack.deploy",
  "stack.cancel",
  "stack.create",
  "stack.configure",
  "stack.remove",
  "stack.decrypt",
  "audit.read",
]);
export type Verb = z.infer<typeof Verb>;

/** Who a token belongs to. `attempt`: the engine of one attempt, which acts on one stack while the attempt holds it. */
export const Principal = z
  .object({
    id: z.string(),
    kind: z.enum(["owner", "user", "service", "worker", "attempt", "system"]),
    name: z.string(),
  })
  .meta({ id: "Principal" });
export type Principal = z.infer<typeof Principal>;
