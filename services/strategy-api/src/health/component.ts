import { z } from "zod";

export const Component = z.object({
  name: z.string(),
  status: z.enum(["healthy", "unhealthy"]),
  detail: z.string(),
  durationMs: z.number(),
});
export type Component = z.output<typeof Component>;
