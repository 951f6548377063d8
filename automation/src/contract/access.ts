import { z } from "zod";

export const Role = z.enum(["viewer", "deployer", "admin"]);
export type Role = z.infer<typeof Role>;

/** Who a token belongs to. `attempt`: the engine of one attempt, which acts on one stack while the attempt holds it. */
export const Principal = z
  .object({
    id: z.string(),
    kind: z.enum(["owner", "user", "service", "worker", "attempt", "system"]),
    name: z.string(),
  })
  .meta({ id: "Principal" });
export type Principal = z.infer<typeof Principal>;
