import { randomUUID } from "node:crypto";
import type { FastifyInstance } from "fastify";
import { appendAudit } from "../audit/store.ts";
import type { Group } from "../contract/approvals.ts";
import { endpoints } from "../contract/endpoints.ts";
import type { Database } from "../database.ts";
import { withTransaction } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import { serve } from "../http/endpoint.ts";
import * as store from "./groups-store.ts";
import { missing } from "./missing.ts";
import { listOrganisations, lockOrganisation } from "./principals-store.ts";

/** Routes of groups: people of an organisation who decide together. */
export function groupRoutes(app: FastifyInstance, { db }: { db: Database }): void {
  serve(app, endpoints.listGroups, async ({ params: { organisation } }) => {
    const items = await store.listGroups(db, organisation);
    // The owner may ask for any name.
    if (items.length === 0 && (await listOrganisations(db, [organisation])).length === 0)
      throw missing.organisation(organisation);
    return { items };
  });

  serve(app, endpoints.createGroup, async ({ params: { organisation, group }, caller }) =>
    withTransaction(db, async (trx) => {
      if (!(await lockOrganisation(trx, organisation))) throw missing.organisation(organisation);
      const made = await store.insertGroup(trx, {
        id: randomUUID(),
        organisation,
        name: group,
        createdBy: caller.principal,
      });
      if (made)
        await appendAudit(trx, {
          ...caller,
          action: "group.created",
          organisation,
          subject: organisation,
          details: { group },
        });
      return shown(trx, organisation, group);
    }),
  );

  serve(app, endpoints.removeGroup, async ({ params: { organisation, group }, caller }) =>
    withTransaction(db, async (trx) => {
      const id = await store.lockGroup(trx, organisation, group);
      if (id === undefined) throw noGroup(organisation, group);
      const stack = await store.findStackThatNames(trx, organisation, group);
      if (stack !== undefined) {
        throw new SlipwayError("conflict", `The rules of ${stack} name the group ${group}.`, {
          remedy: "Take it out of the rules of every stack first: slipway rules set.",
        });
      }
      await store.deleteGroup(trx, id);
      await appendAudit(trx, {
        ...caller,
        action: "group.removed",
        organisation,
        subject: organisation,
        details: { group },
      });
      return null;
    }),
  );

  serve(app, endpoints.addToGroup, async ({ params: { organisation, group, person }, caller }) =>
    withTransaction(db, async (trx) => {
      const groupId = await store.lockGroup(trx, organisation, group);
      if (groupId === undefined) throw noGroup(organisation, group);
      const principal = await store.findPersonOf(trx, organisation, person);
      if (principal === undefined) {
        throw new SlipwayError("not_found", `${person} is no person of ${organisation}.`, {
          remedy: `Service accounts are in no group. Make a person a member first: slipway members set ${person} --role viewer`,
        });
      }
      if (await store.insertGroupMember(trx, { groupId, principal, addedBy: caller.principal }))
        await appendAudit(trx, {
          ...caller,
          action: "group.member_added",
          organisation,
          subject: organisation,
          details: { group, member: principal },
        });
      return shown(trx, organisation, group);
    }),
  );

  serve(app, endpoints.removeFromGroup, async ({ params: { organisation, group, person }, caller }) =>
    withTransaction(db, async (trx) => {
      const id = await store.lockGroup(trx, organisation, group);
      if (id === undefined) throw noGroup(organisation, group);
      const removed = await store.deleteGroupMember(trx, id, person);
      if (removed.length === 0) {
        throw new SlipwayError("not_found", `${person} is not in the group ${group}.`, {
          remedy: "slipway groups list shows who is.",
        });
      }
      for (const member of removed)
        await appendAudit(trx, {
          ...caller,
          action: "group.member_removed",
          organisation,
          subject: organisation,
          details: { group, member },
        });
      return null;
    }),
  );
}

async function shown(db: Database, organisation: string, name: string): Promise<Group> {
  const [group] = await store.listGroups(db, organisation, name);
  if (group === undefined) throw noGroup(organisation, name);
  return group;
}

function noGroup(organisation: string, group: string): SlipwayError {
  return new SlipwayError("not_found", `There is no group ${group} in ${organisation}.`, {
    remedy: "slipway groups list shows them; slipway groups create makes one.",
  });
}
