import { z } from "zod";
import { Id, OrganisationName, PageQuery, pageOf } from "./identifiers.ts";
import {
  ChangeDestination,
  CreateDestination,
  Delivery,
  DeliveryDetail,
  DeliveryStatus,
  Destination,
  DestinationPath,
  NewDestination,
  RotateSecret,
} from "./notifications.ts";

const NOTIFICATIONS = "/v1/organisations/:organisation/notifications";
const DESTINATION = `${NOTIFICATIONS}/destinations/:destination` as const;
const ofOrganisation = z.strictObject({ organisation: OrganisationName });
const DeliveryPath = z.strictObject({ organisation: OrganisationName, delivery: Id });

/** The rows of notifications in the table of endpoints. */
export const notificationEndpoints = {
  listDestinations: {
    method: "GET",
    path: `${NOTIFICATIONS}/destinations`,
    summary: "Where notifications of an organisation go, by name",
    permission: "organisation.read",
    params: ofOrganisation,
    success: { status: 200, body: z.object({ items: z.array(Destination) }) },
  },
  createDestination: {
    method: "POST",
    path: `${NOTIFICATIONS}/destinations`,
    // Without an Idempotency-Key: the record of the answer would hold the secret.
    summary: "Add a destination; a webhook's signing secret is in this answer and nowhere else",
    permission: "organisation.manage",
    params: ofOrganisation,
    body: CreateDestination,
    success: { status: 201, body: NewDestination },
  },
  getDestination: {
    method: "GET",
    path: DESTINATION,
    summary: "One destination",
    permission: "organisation.read",
    params: DestinationPath,
    success: { status: 200, body: Destination },
  },
  changeDestination: {
    method: "PUT",
    path: DESTINATION,
    summary: "Change where or what is sent, pause it or resume it; what is left out stays",
    permission: "organisation.manage",
    params: DestinationPath,
    body: ChangeDestination,
    success: { status: 200, body: Destination },
  },
  removeDestination: {
    method: "DELETE",
    path: DESTINATION,
    summary: "Send nothing more to a destination and forget its address and secret",
    permission: "organisation.manage",
    params: DestinationPath,
    success: { status: 204, body: null },
  },
  rotateDestinationSecret: {
    method: "POST",
    path: `${DESTINATION}/rotate`,
    summary: "Make a new signing secret; both sign until the old one ends",
    permission: "organisation.manage",
    params: DestinationPath,
    body: RotateSecret,
    success: { status: 200, body: NewDestination },
  },
  testDestination: {
    method: "POST",
    path: `${DESTINATION}/test`,
    summary: "Send a test message, on the way that all take",
    permission: "organisation.manage",
    params: DestinationPath,
    success: { status: 202, body: DeliveryDetail },
  },
  resendDeadOfDestination: {
    method: "POST",
    path: `${DESTINATION}/resend`,
    summary: "Send again what was given up at this destination",
    permission: "organisation.manage",
    params: DestinationPath,
    success: { status: 202, body: z.object({ resent: z.int() }) },
  },
  listDeliveries: {
    method: "GET",
    path: `${NOTIFICATIONS}/deliveries`,
    summary: "Messages and what became of them, newest first",
    permission: "organisation.read",
    params: ofOrganisation,
    query: PageQuery.extend({
      status: DeliveryStatus.optional(),
      destination: DestinationPath.shape.destination.optional(),
    }),
    success: { status: 200, body: pageOf(Delivery) },
  },
  getDelivery: {
    method: "GET",
    path: `${NOTIFICATIONS}/deliveries/:delivery`,
    summary: "One message with every try",
    permission: "organisation.read",
    params: DeliveryPath,
    success: { status: 200, body: DeliveryDetail },
  },
  resendDelivery: {
    method: "POST",
    path: `${NOTIFICATIONS}/deliveries/:delivery/resend`,
    summary: "Send a message again that was given up; it keeps its id",
    permission: "organisation.manage",
    params: DeliveryPath,
    success: { status: 202, body: DeliveryDetail },
  },
} as const;
