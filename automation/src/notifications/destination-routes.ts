import { randomUUID } from "node:crypto";
import { isIP } from "node:net";
import type { FastifyInstance } from "fastify";
import type { Actor } from "../access/rules.ts";
import { can, INSTALLATION } from "../access/rules.ts";
import { notificationEndpoints as endpoints } from "../contract/notification-endpoints.ts";
import type { ChangeDestination, Destination, DestinationPath } from "../contract/notifications.ts";
import type { Database, Transaction } from "../database.ts";
import { withTransaction } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import { serve } from "../http/endpoint.ts";
import { mayReach } from "./addresses.ts";
import { auditDestination } from "./audit.ts";
import type { StoredDestination } from "./destinations-store.ts";
import * as store from "./destinations-store.ts";
import { noDestination, wrongField } from "./refusals.ts";
import type { NotificationRoutesOptions, NotificationSettings } from "./routes-options.ts";
import type { SealedDestination } from "./sealing.ts";
import { destinationSealing } from "./sealing.ts";
import { makeSigningSecret } from "./signature.ts";

/** Of one organisation: each message costs a row and a try for each of them. */
const MOST_DESTINATIONS = 100;
const HOUR_MS = 3_600_000;

/** Routes of where notifications go. A secret is answered once, by the request that made it. */
export function destinationRoutes(app: FastifyInstance, options: NotificationRoutesOptions): void {
  const { db, notificationSettings: settings } = options;
  const sealing = destinationSealing(options.keyring);

  serve(app, endpoints.listDestinations, async ({ params }) => ({
    items: (await store.listDestinations(db, params.organisation)).map(shown),
  }));

  serve(app, endpoints.getDestination, async ({ params }) => shown(await found(db, params)));

  serve(app, endpoints.createDestination, async ({ params, body, actor, caller, reply }) =>
    withTransaction(db, async (trx) => {
      if (body.installation) refuseInstallation(actor);
      if (body.type === "webhook") checkUrl(body.url, settings);
      else checkEmail(settings);
      const { organisation } = params;
      if ((await store.listDestinations(trx, organisation)).length >= MOST_DESTINATIONS) {
        throw new SlipwayError("conflict", `${organisation} has ${MOST_DESTINATIONS} destinations already.`);
      }
      const id = randomUUID();
      const secret = body.type === "webhook" ? makeSigningSecret() : null;
      const content: SealedDestination =
        body.type === "webhook"
          ? { type: "webhook", url: body.url, secret: secret ?? "", previous: null }
          : { type: "email", to: body.to };
      const { name, type, kinds, stacks, minSeverity, installation } = body;
      const destination = await store.insertDestination(trx, {
        ...{ id, organisation, name, type, kinds, stacks, minSeverity, installation },
        sealed: await sealing.seal(trx, id, content),
        shown: addressOf(content),
        createdBy: caller.principal,
      });
      if (destination === undefined) {
        throw new SlipwayError("already_exists", `${organisation} has a destination ${name} already.`, {
          remedy: "Change that one, or take another name.",
        });
      }
      await auditDestination(trx, caller, { organisation, destination: name }, "destination.created", {
        ...{ type, kinds, stacks, minSeverity, installation },
      });
      reply.header("cache-control", "no-store");
      return { destination: shown(destination), secret };
    }),
  );

  serve(app, endpoints.changeDestination, async ({ params, body, actor, caller }) =>
    withTransaction(db, async (trx) => {
      const before = await found(trx, params, true);
      if (body.installation === true) refuseInstallation(actor);
      const address = await changedAddress(trx, before, body);
      const { kinds, stacks, minSeverity, installation } = body;
      const filters = defined({ kinds, stacks, minSeverity, installation });
      await store.updateDestination(trx, before.id, { ...filters, ...address });
      const changed = [...Object.keys(filters), ...(address === undefined ? [] : ["address"])];
      if (changed.length > 0) await auditDestination(trx, caller, params, "destination.changed", { changed });
      if (body.paused === true && before.pausedAt === null) {
        await store.pauseDestination(trx, before.id, { by: caller.principal, reason: null });
        await auditDestination(trx, caller, params, "destination.paused");
      }
      if (body.paused === false && before.pausedAt !== null) {
        await store.resumeDestination(trx, before.id);
        await auditDestination(trx, caller, params, "destination.resumed");
      }
      return shown(await found(trx, params));
    }),
  );

  serve(app, endpoints.removeDestination, async ({ params, caller }) =>
    withTransaction(db, async (trx) => {
      const destination = await found(trx, params, true);
      await store.removeDestination(trx, destination.id);
      await auditDestination(trx, caller, params, "destination.removed");
      return null;
    }),
  );

  serve(app, endpoints.rotateDestinationSecret, async ({ params, body, caller, reply }) =>
    withTransaction(db, async (trx) => {
      const destination = await found(trx, params, true);
      const content = await sealing.open(trx, destination.id, destination.sealed);
      if (content.type !== "webhook") {
        throw new SlipwayError("conflict", "Only webhooks have a signing secret.");
      }
      const secret = makeSigningSecret();
      const until = new Date(
        (await store.readNow(trx)).getTime() + body.overlapHours * HOUR_MS,
      ).toISOString();
      const previous = body.overlapHours === 0 ? null : { secret: content.secret, until };
      const sealed = await sealing.seal(trx, destination.id, { ...content, secret, previous });
      await store.updateDestination(trx, destination.id, { sealed });
      await auditDestination(trx, caller, params, "destination.secret_rotated", {
        overlapHours: body.overlapHours,
      });
      reply.header("cache-control", "no-store");
      return { destination: shown(destination), secret };
    }),
  );

  async function changedAddress(
    trx: Transaction,
    before: StoredDestination,
    { url, to }: ChangeDestination,
  ): Promise<{ sealed: Buffer; shown: string } | undefined> {
    if (url === undefined && to === undefined) return undefined;
    const content = await sealing.open(trx, before.id, before.sealed);
    const next = withAddress(content, url, to);
    if (next.type === "webhook") checkUrl(next.url, settings);
    return { sealed: await sealing.seal(trx, before.id, next), shown: addressOf(next) };
  }
}

function withAddress(
  content: SealedDestination,
  url: string | undefined,
  to: readonly string[] | undefined,
): SealedDestination {
  if (content.type === "webhook") {
    if (to !== undefined) throw wrongField("to", "is for e-mail; this destination is a webhook");
    return { ...content, url: url ?? content.url };
  }
  if (url !== undefined) throw wrongField("url", "is for webhooks; this destination is e-mail");
  return { ...content, to: [...(to ?? content.to)] };
}

async function found(db: Database, path: DestinationPath, lock = false): Promise<StoredDestination> {
  const destination = await store.findDestination(db, path, { lock });
  if (destination === undefined) throw noDestination(path);
  return destination;
}

function shown({ sealed: _, ...destination }: StoredDestination): Destination {
  return destination;
}

/** The path of a webhook is often all that protects it. */
function addressOf(content: SealedDestination): string {
  return content.type === "webhook" ? new URL(content.url).origin : content.to.join(", ");
}

/** Only what a name leads to when a message is sent decides; here people learn at once what can never work. */
function checkUrl(text: string, { allowed }: NotificationSettings): void {
  const url = new URL(text);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const remedy = "An operator of the installation can allow networks: SLIPWAY_WEBHOOK_ALLOW.";
  if (isIP(host) !== 0 && !mayReach(host, allowed)) {
    throw wrongField("url", "must not be an address that is not public", remedy);
  }
  if (url.protocol === "http:" && allowed.length === 0)
    throw wrongField("url", "must begin with https://", remedy);
}

function checkEmail({ sendsEmail }: NotificationSettings): void {
  if (sendsEmail) return;
  throw new SlipwayError("conflict", "This installation has no mail server.", {
    remedy: "An operator of the installation sets one: SLIPWAY_SMTP_URL and SLIPWAY_SMTP_FROM.",
  });
}

/** What happens to the installation is not for an organisation to hear. */
function refuseInstallation(actor: Actor): void {
  if (can(actor, "installation.manage", INSTALLATION)) return;
  throw new SlipwayError("forbidden", "Only the owner lets a destination hear of the installation.", {
    remedy: "Leave out 'installation', or ask the owner.",
  });
}

function defined<T extends Record<string, unknown>>(
  values: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
