import { SlipwayError } from "../errors.ts";

export function noDestination({ destination }: { destination: string }): SlipwayError {
  return new SlipwayError("not_found", `There is no destination ${destination}.`, {
    remedy: "GET /v1/organisations/{organisation}/notifications/destinations lists them.",
  });
}

export function noDelivery(id: string): SlipwayError {
  return new SlipwayError("not_found", `There is no delivery ${id}.`, {
    remedy: "GET /v1/organisations/{organisation}/notifications/deliveries lists them.",
  });
}

export function paused(destination: string): SlipwayError {
  return new SlipwayError("conflict", `The destination ${destination} is paused.`, {
    remedy: `Resume it first: slipway destinations resume ${destination}`,
  });
}

/** A field of a body that has the right form and still cannot be used. */
export function wrongField(field: string, message: string, remedy?: string): SlipwayError {
  return new SlipwayError("invalid_request", `body.${field} ${message}`, {
    details: { issues: [{ path: `body.${field}`, message }] },
    ...(remedy === undefined ? {} : { remedy }),
  });
}
