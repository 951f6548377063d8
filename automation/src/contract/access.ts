import { z } from "zod";

/** Who a token belongs to. */
export const Principal = z
  .object({ id: z.string(), kind: z.enum(["owner", "worker", "system"]), name: z.string() })
  .meta({ id: "Principal" });
export type Principal = z.infer<typeof Principal>;
