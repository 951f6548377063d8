import type { FastifyInstance, FastifyReply } from "fastify";
import { z } from "zod";
import {
  CreateDatabase,
  CreateEndpoint,
  CreateProcess,
  CreateSite,
  type KeeperStatus,
  UpdateEndpoint,
} from "../../../infra/providers/local/contract.ts";
import { SlipwayError } from "../errors.ts";
import type { Databases } from "./databases.ts";
import type { Endpoints } from "./endpoints.ts";
import type { Processes } from "./processes.ts";
import type { Sites } from "./sites.ts";

const ById = z.strictObject({ id: z.string().max(200) });

export interface RouteDependencies {
  processes: Processes;
  endpoints: Endpoints;
  sites: Sites;
  databases: Databases;
  status: () => KeeperStatus;
}

/** The keeper's HTTP surface; infra/providers/local/contract.ts has its types. Whoever can open the socket may use all of it. */
export function registerRoutes(app: FastifyInstance, deps: RouteDependencies): void {
  const { processes, endpoints, sites, databases } = deps;

  app.get("/livez", () => ({ status: "up" }));
  app.get("/v1/status", () => deps.status());

  app.post("/v1/processes", async (request, reply) =>
    reply.code(201).send(await processes.create(parse(CreateProcess, request.body), goneSignal(reply))),
  );
  app.get("/v1/processes", async () => {
    const views = await Promise.all(processes.list().map((record) => processes.view(record.id)));
    return { processes: views.filter((view) => view !== undefined) };
  });
  app.get("/v1/processes/:id", async (request) =>
    found(await processes.view(parse(ById, request.params).id)),
  );
  app.delete("/v1/processes/:id", async (request, reply) =>
    removed(reply, await processes.remove(parse(ById, request.params).id)),
  );

  app.post("/v1/endpoints", async (request, reply) =>
    reply.code(201).send(await endpoints.create(parse(CreateEndpoint, request.body), goneSignal(reply))),
  );
  app.get("/v1/endpoints", () => ({ endpoints: endpoints.list() }));
  app.get("/v1/endpoints/:id", (request) => found(endpoints.view(parse(ById, request.params).id)));
  app.put("/v1/endpoints/:id", async (request, reply) => {
    const { id } = parse(ById, request.params);
    return found(await endpoints.update(id, parse(UpdateEndpoint, request.body), goneSignal(reply)));
  });
  app.delete("/v1/endpoints/:id", async (request, reply) =>
    removed(reply, await endpoints.remove(parse(ById, request.params).id)),
  );

  app.post("/v1/sites", async (request, reply) =>
    reply.code(201).send(await sites.create(parse(CreateSite, request.body))),
  );
  app.get("/v1/sites/:id", async (request) => found(await sites.view(parse(ById, request.params).id)));
  app.delete("/v1/sites/:id", async (request, reply) =>
    removed(reply, await sites.remove(parse(ById, request.params).id)),
  );

  app.post("/v1/databases", async (request, reply) =>
    reply.code(201).send(await databases.create(parse(CreateDatabase, request.body))),
  );
  app.get("/v1/databases/:id", async (request) =>
    found(await databases.view(parse(ById, request.params).id)),
  );
  app.delete("/v1/databases/:id", async (request, reply) =>
    removed(reply, await databases.retain(parse(ById, request.params).id)),
  );
}

function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new SlipwayError("invalid_request", z.prettifyError(parsed.error));
}

function found<T>(view: T | undefined): T {
  if (view === undefined) throw new SlipwayError("not_found", "The keeper has no such resource.");
  return view;
}

async function removed(reply: FastifyReply, existed: boolean): Promise<void> {
  found(existed || undefined);
  await reply.code(204).send();
}

/** Aborts when the caller hangs up before it has its answer: nobody would ever know of what was made. */
function goneSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once("close", () => {
    if (!reply.raw.writableFinished) gone.abort(new SlipwayError("caller_gone", "The caller hung up."));
  });
  return gone.signal;
}
