import type { FastifyInstance } from "fastify";
import { z } from "zod";
import type { Actor } from "../../access/rules.ts";
import type { Database } from "../../database.ts";
import { decodeCursor, encodeCursor } from "../../http/cursor.ts";
import { actorOfRequest } from "./auth.ts";
import { checkForm } from "./bodies.ts";
import { apiRoute } from "./route.ts";
import { listOrganisations, listSummaries, SummaryPlace } from "./summaries-store.ts";

/** Stacks in one answer; the CLI asks on by itself. */
const STACKS_PER_PAGE = 200;
const DEFAULT_ORGANISATION = "default";

const StacksQuery = z.object({
  organization: z.string().max(200).optional(),
  project: z.string().max(200).optional(),
  tagName: z.string().max(200).optional(),
  tagValue: z.string().max(2000).optional(),
  continuationToken: z.string().max(2000).optional(),
});

/** Who asks, and what they may see. */
export function userRoutes(api: FastifyInstance, { db }: { db: Database }): void {
  apiRoute(api, { method: "GET", path: "/user", needs: "access-token" }, async (request) => {
    const actor = actorOfRequest(request);
    const organisations = await organisationsOf(db, actor);
    return {
      id: actor.id,
      githubLogin: actor.name,
      name: actor.name,
      email: "",
      avatarUrl: "",
      organizations: organisations.map((name) => ({ githubLogin: name, name, avatarUrl: "" })),
      identities: [],
      ...(actor.kind === "owner" || actor.kind === "user" ? {} : { tokenInfo: { name: actor.name } }),
    };
  });

  apiRoute(
    api,
    { method: "GET", path: "/user/organizations/default", needs: "access-token" },
    async (request) => {
      const organisations = await organisationsOf(db, actorOfRequest(request));
      const [first = ""] = organisations;
      return {
        GitHubLogin: organisations.includes(DEFAULT_ORGANISATION) ? DEFAULT_ORGANISATION : first,
        Messages: [],
      };
    },
  );

  apiRoute(api, { method: "GET", path: "/user/stacks", needs: "access-token" }, async (request) => {
    const query = checkForm(request.query, StacksQuery, "query");
    const rows = await listSummaries(db, {
      visible: visibleTo(actorOfRequest(request)),
      organisation: query.organization,
      project: query.project,
      tagName: query.tagName,
      tagValue: query.tagValue,
      after: decodeCursor(query.continuationToken, SummaryPlace),
      limit: STACKS_PER_PAGE + 1,
    });
    const page = rows.slice(0, STACKS_PER_PAGE);
    const last = page.at(-1);
    return {
      stacks: page.map(({ id, organisation, project, stack, lastUpdateSeconds, resourceCount }) => ({
        id,
        orgName: organisation,
        projectName: project,
        stackName: stack,
        ...(lastUpdateSeconds === null ? {} : { lastUpdate: lastUpdateSeconds }),
        ...(resourceCount === null ? {} : { resourceCount }),
      })),
      ...(rows.length > page.length && last !== undefined
        ? { continuationToken: encodeCursor([last.organisation, last.project, last.stack]) }
        : {}),
    };
  });
}

/** Whose stacks an actor's lists show. */
function visibleTo(actor: Actor): { organisations: "all" | readonly string[]; stackIds: readonly string[] } {
  switch (actor.kind) {
    case "owner":
    case "system":
    case "worker":
      return { organisations: "all", stackIds: [] };
    case "user":
    case "service":
      return { organisations: Object.keys(actor.roles), stackIds: [] };
    case "attempt":
      return { organisations: [], stackIds: actor.attempt === null ? [] : [actor.attempt.stackId] };
  }
}

async function organisationsOf(db: Database, actor: Actor): Promise<readonly string[]> {
  if (actor.attempt !== null) return [actor.attempt.organisation];
  const { organisations } = visibleTo(actor);
  return organisations === "all" ? listOrganisations(db) : [...organisations].sort();
}
