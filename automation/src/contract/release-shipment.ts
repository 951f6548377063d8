import { z } from "zod";
import { Shipment } from "./aws/shipment.ts";
import { Id, Instant } from "./identifiers.ts";

/** How one function, or the site, was put in place. */
export const ShippedPart = z.object({
  part: z.string(),
  state: z.enum(["succeeded", "failed", "not-started"]),
  detail: z.string(),
  durationMs: z.number(),
});
export type ShippedPart = z.infer<typeof ShippedPart>;

/** What a release put in place beside what Pulumi declares. */
export const ReleaseShipment = z
  .object({
    release: z.int(),
    deploymentId: Id,
    /** The release whose versions serve again; null: they were made for this one. */
    restoredFrom: z.int().nullable(),
    /** Whether it is what serves now. */
    serves: z.boolean(),
    shippedAt: Instant,
    functions: Shipment.shape.functions,
    site: Shipment.shape.site,
    parts: z.array(ShippedPart),
  })
  .meta({ id: "ReleaseShipment" });
export type ReleaseShipment = z.infer<typeof ReleaseShipment>;
