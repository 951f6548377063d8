import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { missing } from "../access/missing.ts";
import { endpoints } from "../contract/endpoints.ts";
import type { PlannedGraph } from "../contract/previews.ts";
import type { Database } from "../database.ts";
import { readStatus } from "../deployments/store.ts";
import { SlipwayError } from "../errors.ts";
import { decodeCursor, pageFrom } from "../http/cursor.ts";
import { serve } from "../http/endpoint.ts";
import type { Keyring } from "../secrets/keyring.ts";
import { pageOfSteps } from "./page-steps.ts";
import { plannedGraph } from "./planned-graph.ts";
import { readPreview, type StoredPreview } from "./previews-store.ts";

/** Of which attempt's preview, and how many of its steps were listed before: another attempt's preview is another list. */
const StepPlace = z.tuple([z.int().min(1), z.int().min(1)]);

/** Answers by the steps that they are of, which are kept opened for a while. */
const graphs = new WeakMap<StoredPreview["steps"], string>();

/** To check each of 5,000 nodes again on the way out would take longer than all else about them. */
function graphText({ attempt, truncated, steps }: StoredPreview): string {
  const text =
    graphs.get(steps) ??
    JSON.stringify({ attempt, truncated, nodes: plannedGraph(steps) } satisfies PlannedGraph);
  graphs.set(steps, text);
  return text;
}

/** Routes of what previews said. */
export function previewRoutes(
  app: FastifyInstance,
  { db, keyring }: { db: Database; keyring: Keyring },
): void {
  serve(app, endpoints.getPreview, async ({ params: { id }, query }) => {
    const preview = await foundPreview(id);
    const { attempt, counts, stepCount, truncated, previewedAt } = preview;
    const [of, before] = decodeCursor(query.after, StepPlace) ?? [attempt, 0];
    if (of !== attempt) {
      throw new SlipwayError("invalid_request", "query.after is of an earlier preview of this deployment.", {
        remedy: "Start from the first page: it was previewed again meanwhile.",
      });
    }
    const filter = { operation: query.operation, search: query.search, changed: query.changed === "true" };
    const steps = pageOfSteps(preview.steps, filter, { from: before, limit: query.limit });
    const page = pageFrom(
      steps.map((step, index) => ({ step, place: before + index + 1 })),
      query.limit,
      ({ step }) => step,
      ({ place }) => [attempt, place],
    );
    return { deploymentId: id, attempt, previewedAt, counts, stepCount, truncated, ...page };
  });

  serve(app, endpoints.getPreviewGraph, async ({ params: { id }, reply }) => {
    const preview = await foundPreview(id);
    return reply.type("application/json; charset=utf-8").send(graphText(preview));
  });

  async function foundPreview(id: string): Promise<StoredPreview> {
    const preview = await readPreview(db, keyring, id);
    if (preview !== undefined) return preview;
    if ((await readStatus(db, id)) === undefined) throw missing.deployment(id);
    throw new SlipwayError(
      "not_found",
      "The deployment has not been previewed, or its preview is not kept any more.",
      {
        remedy: `GET /v1/deployments/${id} says how far it has come.`,
      },
    );
  }
}
