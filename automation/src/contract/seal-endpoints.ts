import { z } from "zod";
import { Id } from "./identifiers.ts";
import { Seal } from "./seals.ts";

/** What a deployment was sealed with; part of `endpoints`. */
export const sealEndpoints = {
  getSeal: {
    method: "GET",
    path: "/v1/deployments/:id/seal",
    summary: "What a deployment's approval is for, and what of that has moved since",
    permission: "stack.read",
    about: "deployment",
    params: z.strictObject({ id: Id }),
    success: { status: 200, body: Seal },
  },
} as const;
