import { z } from "zod";
import { Id, PageQuery } from "./identifiers.ts";
import { PlannedGraph } from "./previews.ts";
import { DeploymentPreview } from "./seals.ts";

const byId = z.strictObject({ id: Id });

/** What a deployment's newest preview said. */
export const previewEndpoints = {
  getPreview: {
    method: "GET",
    path: "/v1/deployments/:id/preview",
    summary:
      "What a deployment's preview said: its counts, and its steps with what each changes, what can lose something first",
    permission: "stack.read",
    about: "deployment",
    params: byId,
    query: PageQuery.extend({
      /** The engine's own word, such as replace. */
      operation: z.string().min(1).max(100).optional(),
      /** Part of a resource's name, type or URN. */
      search: z.string().min(1).max(300).optional(),
      /** `true` leaves out what stays as it is. */
      changed: z.enum(["false", "true"]).default("false"),
    }),
    success: { status: 200, body: DeploymentPreview },
  },
  getPreviewGraph: {
    method: "GET",
    path: "/v1/deployments/:id/preview/graph",
    summary: "What needs what in a deployment's preview, without values of properties",
    permission: "stack.read",
    about: "deployment",
    params: byId,
    success: { status: 200, body: PlannedGraph },
  },
} as const;
