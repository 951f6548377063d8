import type { FastifyInstance } from "fastify";
import { appendAudit } from "../audit/store.ts";
import type { Role } from "../contract/access.ts";
import { endpoints } from "../contract/endpoints.ts";
import type { Database } from "../database.ts";
import { withTransaction } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import { serve } from "../http/endpoint.ts";
import { missing } from "./missing.ts";
import type { PrincipalName } from "./principals-store.ts";
import * as store from "./principals-store.ts";
import type { Actor } from "./rules.ts";
import { INSTALLATION, listableOrganisations } from "./rules.ts";

const SERVICE = "service:";

/** Routes of organisations and their members. */
export function memberRoutes(app: FastifyInstance, { db }: { db: Database }): void {
  serve(app, endpoints.listOrganisations, async ({ actor }) => {
    const items = await store.listOrganisations(db, listableOrganisations(actor));
    return { items: items.map((one) => ({ ...one, role: roleOf(actor, one.name) })) };
  });

  serve(app, endpoints.createOrganisation, async ({ body, caller, reply, actor }) =>
    withTransaction(db, async (trx) => {
      const made = await store.insertOrganisation(trx, body.name);
      if (made === undefined) {
        throw new SlipwayError("already_exists", `The organisation ${body.name} exists already.`, {
          remedy: "Use it as it is.",
        });
      }
      await appendAudit(trx, {
        ...caller,
        action: "organisation.created",
        organisation: body.name,
        subject: body.name,
      });
      reply.header("location", `/v1/organisations/${body.name}/members`);
      return { ...made, role: roleOf(actor, made.name) };
    }),
  );

  serve(app, endpoints.listMembers, async ({ params: { organisation } }) => {
    const items = await store.listMembers(db, organisation);
    // The owner may ask for any name.
    if (items.length === 0 && (await store.listOrganisations(db, [organisation])).length === 0)
      throw missing.organisation(organisation);
    return { items };
  });

  serve(app, endpoints.setMember, async ({ params, body, caller }) =>
    withTransaction(db, async (trx) => {
      const { organisation, member } = params;
      if (!(await store.lockOrganisation(trx, organisation))) throw missing.organisation(organisation);
      const principal = await store.ensurePrincipal(trx, nameOf(member, organisation));
      const before = await store.findMember(trx, organisation, principal);
      if (before?.role === body.role) return before;
      await store.putMembership(trx, {
        principal,
        organisation,
        role: body.role,
        grantedBy: caller.principal,
      });
      await appendAudit(trx, {
        ...caller,
        action: "member.set",
        organisation,
        subject: organisation,
        details: { member: principal, role: body.role, before: before?.role ?? null },
      });
      const after = await store.findMember(trx, organisation, principal);
      if (after === undefined) throw new Error("a member that was just set is not there");
      return after;
    }),
  );

  serve(app, endpoints.removeMember, async ({ params: { organisation, member }, caller }) =>
    withTransaction(db, async (trx) => {
      if (!(await store.lockOrganisation(trx, organisation))) throw missing.organisation(organisation);
      const principal = await store.findPrincipal(trx, nameOf(member, organisation));
      const before = principal && (await store.findMember(trx, organisation, principal.id));
      if (before === undefined) {
        throw new SlipwayError("not_found", `${member} is no member of ${organisation}.`, {
          remedy: "GET /v1/organisations/{organisation}/members lists them.",
        });
      }
      await store.deleteMemberships(trx, before.principal, organisation);
      // It belongs to this organisation alone; a person may be a member of others.
      if (before.kind === "service") await store.markPrincipalRemoved(trx, before.principal);
      await appendAudit(trx, {
        ...caller,
        action: "member.removed",
        organisation,
        subject: organisation,
        details: { member: before.principal, role: before.role },
      });
      return null;
    }),
  );

  serve(app, endpoints.removeUser, async ({ params: { user }, caller }) =>
    withTransaction(db, async (trx) => {
      const principal = await store.findPrincipal(trx, { kind: "user", name: user });
      if (principal === undefined) {
        throw new SlipwayError("not_found", `There is no user ${user}.`, {
          remedy: "GET /v1/organisations/{organisation}/members lists the people of an organisation.",
        });
      }
      await store.deleteMemberships(trx, principal.id);
      await store.markPrincipalRemoved(trx, principal.id);
      await appendAudit(trx, {
        ...caller,
        action: "user.removed",
        organisation: INSTALLATION.organisation,
        subject: principal.id,
      });
      return null;
    }),
  );
}

function nameOf(member: string, organisation: string): PrincipalName {
  return member.startsWith(SERVICE)
    ? { kind: "service", organisation, name: member.slice(SERVICE.length) }
    : { kind: "user", name: member };
}

function roleOf(actor: Actor, organisation: string): Role | null {
  if (actor.kind === "owner") return "admin";
  return Object.hasOwn(actor.roles, organisation) ? (actor.roles[organisation] ?? null) : null;
}
