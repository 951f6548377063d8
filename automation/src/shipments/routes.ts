import type { FastifyInstance } from "fastify";
import { endpoints } from "../contract/endpoints.ts";
import type { Database } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import { serve } from "../http/endpoint.ts";
import { found } from "../stacks/routes.ts";
import { referStack } from "../stacks/store.ts";
import { showShipment } from "./store.ts";

/** What releases put in place on AWS. */
export function shipmentRoutes(app: FastifyInstance, { db }: { db: Database }): void {
  serve(app, endpoints.getShipment, async ({ params }) => {
    const stack = found(await referStack(db, params), params);
    const shipment = await showShipment(db, stack.id, params.number);
    if (shipment !== undefined) return shipment;
    throw new SlipwayError(
      "release_not_found",
      `Release ${params.number} of the stack has put nothing in place on AWS.`,
      { remedy: "List the stack's releases; only those of the target aws have a shipment." },
    );
  });
}
