import { z } from "zod";
import { Id, Instant, OrganisationName } from "./identifiers.ts";

export const Severity = z.enum(["info", "warning", "critical"]);
export type Severity = z.infer<typeof Severity>;

/** What can be told of, with how urgent it is and how it is headed. A new kind is one line here. */
export const NOTIFICATION_KINDS = {
  "deployment.succeeded": ["info", "Deployment succeeded"],
  "deployment.failed": ["critical", "Deployment failed"],
  "deployment.cancelled": ["info", "Deployment cancelled"],
  "deployment.interrupted": ["critical", "Deployment interrupted"],
  "deployment.rolled_back": ["warning", "Deployment rolled back"],
  "deployment.rolling_back": ["warning", "Automatic rollback started"],
  "deployment.held": ["critical", "Deployment held: decide to keep or to roll back"],
  "rollback.consent": ["critical", "A rollback waits for consent"],
  "rollback.failed": ["critical", "A rollback failed; the stack is frozen"],
  "rollback.unhealthy": ["critical", "Rolled back, and still unhealthy"],
  "approval.requested": ["warning", "Approval requested"],
  "approval.decided": ["info", "Approval decided"],
  "approval.expired": ["warning", "Approval expired"],
  "approval.emergency": ["critical", "Votes passed by in an emergency"],
  "worker.lost": ["warning", "Worker lost"],
  double_execution: ["critical", "Two writers on one stack"],
  "drift.found": ["warning", "Drift found"],
  "drift.closed": ["info", "Drift closed"],
  "drift.cannot-check": ["critical", "Drift cannot be checked"],
  "drift.many-gone": ["critical", "Too many resources not found"],
  "delivery.stopped": ["warning", "Delivery stopped"],
  "budget.exceeded": ["info", "A step took longer than its budget"],
  "schedule.missed": ["warning", "Scheduled run missed"],
  "backup.failed": ["critical", "Backup failed"],
  "disk.low": ["critical", "Disk space is low"],
  "destination.paused": ["warning", "Notifications to a destination are paused"],
  "notification.test": ["info", "Test message"],
} as const satisfies Record<string, readonly [Severity, string]>;

export type NotificationKind = keyof typeof NOTIFICATION_KINDS;
export const NotificationKind = z.enum(
  Object.keys(NOTIFICATION_KINDS) as [NotificationKind, ...NotificationKind[]],
);

/** What a message says. All of it is text for people without any secret's value. */
export const NotificationBody = z
  .object({
    /** One sentence: what happened. */
    what: z.string(),
    /** As audit entries name them; null: nobody in particular. */
    who: z.string().nullable(),
    why: z.string().nullable(),
    nextAction: z.string().nullable(),
    /** Path of the console's page about it, which only shows; null: there is none. */
    page: z.string().nullable(),
  })
  .meta({ id: "NotificationBody" });
export type NotificationBody = z.infer<typeof NotificationBody>;

/** Where a name is one of a project and a stack: `shop/production`, `shop/*`, any project's `production`. */
export const StackPattern = z
  .string()
  .max(201)
  .regex(/^[A-Za-z0-9_.*-]+\/[A-Za-z0-9_.*-]+$/, "must be project/stack, where * stands for any characters");

const DestinationName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "a name must be 1 to 63 lower-case letters, digits or '-'");

/** Names one destination of an organisation. */
export const DestinationPath = z.strictObject({
  organisation: OrganisationName,
  destination: DestinationName,
});
export type DestinationPath = z.infer<typeof DestinationPath>;

const WebhookAddress = z
  .url({ protocol: /^https?$/, error: "must be a URL that begins with https://" })
  .max(2000)
  .refine((text) => !/[\s\p{Cc}]/u.test(text), "must not hold spaces or control characters")
  .refine((text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    return url === undefined || (url.username === "" && url.password === "");
  }, "must not hold a user name or a password: the signature proves who sends");

const Recipient = z.email("must be an e-mail address").max(254);
const Recipients = z.array(Recipient).min(1).max(50);

/** Which notifications a destination gets. Null: all. */
const filters = {
  kinds: z.array(NotificationKind).min(1).nullable(),
  /** With patterns, only what is about a stack that one of them matches. */
  stacks: z.array(StackPattern).min(1).max(100).nullable(),
  minSeverity: Severity,
  /** Also what is about the installation and no organisation (disk, backup); only the owner can set it. */
  installation: z.boolean(),
};

/** Where notifications go, without the address's secret parts and without the signing secret. */
export const Destination = z
  .object({
    id: Id,
    organisation: OrganisationName,
    name: z.string(),
    type: z.enum(["webhook", "email"]),
    /** Scheme and host of a webhook, whose path may be a secret; the recipients of e-mail. */
    address: z.string(),
    ...filters,
    pausedAt: Instant.nullable(),
    pausedBy: z.string().nullable(),
    pausedReason: z.string().nullable(),
    /** Messages given up one after the other since the last one that arrived. */
    deadInARow: z.int(),
    lastDeliveredAt: Instant.nullable(),
    createdAt: Instant,
    createdBy: z.string(),
  })
  .meta({ id: "Destination" });
export type Destination = z.infer<typeof Destination>;

export const CreateDestination = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("webhook"),
    name: DestinationName,
    url: WebhookAddress,
    kinds: filters.kinds.default(null),
    stacks: filters.stacks.default(null),
    minSeverity: filters.minSeverity.default("info"),
    installation: filters.installation.default(false),
  }),
  z.strictObject({
    type: z.literal("email"),
    name: DestinationName,
    to: Recipients,
    kinds: filters.kinds.default(null),
    stacks: filters.stacks.default(null),
    minSeverity: filters.minSeverity.default("info"),
    installation: filters.installation.default(false),
  }),
]);
export type CreateDestination = z.infer<typeof CreateDestination>;

/** What is left out stays as it is. */
export const ChangeDestination = z.strictObject({
  url: WebhookAddress.optional(),
  to: Recipients.optional(),
  kinds: filters.kinds.optional(),
  stacks: filters.stacks.optional(),
  minSeverity: filters.minSeverity.optional(),
  installation: filters.installation.optional(),
  paused: z.boolean().optional(),
});
export type ChangeDestination = z.infer<typeof ChangeDestination>;

/** The only answer that holds the signing secret; null for e-mail. */
export const NewDestination = z
  .object({ destination: Destination, secret: z.string().nullable() })
  .meta({ id: "NewDestination" });
export type NewDestination = z.infer<typeof NewDestination>;

/** The longest time that the old secret of a webhook signs beside the new one, in hours, and the usual one. */
export const LONGEST_OVERLAP_HOURS = 168;
export const USUAL_OVERLAP_HOURS = 24;
export const RotateSecret = z.strictObject({
  overlapHours: z.int().min(0).max(LONGEST_OVERLAP_HOURS).default(USUAL_OVERLAP_HOURS),
});

/** `pending`: to be tried, perhaps again. `dead`: given up; a person may send it again. */
export const DeliveryStatus = z.enum(["pending", "delivered", "dead"]);
export type DeliveryStatus = z.infer<typeof DeliveryStatus>;

/** One message on its way to one destination. */
export const Delivery = z
  .object({
    id: Id,
    /** The same in every try, also when sent again: by it a receiver knows what it has had. */
    messageId: Id,
    destination: z.string(),
    kind: z.string(),
    severity: Severity,
    subject: z.string(),
    what: z.string(),
    status: DeliveryStatus,
    attempts: z.int(),
    /** Why it was given up, or failed last. */
    error: z.string().nullable(),
    createdAt: Instant,
    /** Null unless pending. */
    nextAttemptAt: Instant.nullable(),
    finishedAt: Instant.nullable(),
  })
  .meta({ id: "Delivery" });
export type Delivery = z.infer<typeof Delivery>;

/** One try. A try without an end was cut off: whether the message arrived is not known. */
export const DeliveryAttempt = z.object({
  number: z.int(),
  startedAt: Instant,
  finishedAt: Instant.nullable(),
  outcome: z.enum(["delivered", "failed", "refused", "unknown"]),
  /** Of HTTP or SMTP. */
  statusCode: z.int().nullable(),
  error: z.string().nullable(),
  durationMs: z.int().nullable(),
});
export type DeliveryAttempt = z.infer<typeof DeliveryAttempt>;

/** A delivery with its message and every try. */
export const DeliveryDetail = Delivery.extend({
  body: NotificationBody,
  tries: z.array(DeliveryAttempt),
}).meta({ id: "DeliveryDetail" });
export type DeliveryDetail = z.infer<typeof DeliveryDetail>;
