import type { Readable } from "node:stream";
import type { FastifyInstance } from "fastify";
import type { z } from "zod";
import type { Clock } from "../../clock.ts";
import { endpoints } from "../../contract/endpoints.ts";
import { Problem } from "../../contract/problems.ts";
import { IMPORT_MEDIA_TYPE, IMPORT_PATH, ImportQuery, StateImport } from "../../contract/state-imports.ts";
import type { Database } from "../../database.ts";
import { actorIn, callerOf, serve } from "../../http/endpoint.ts";
import { PROBLEM_TYPE } from "../../http/problems.ts";
import type { Keyring } from "../../secrets/keyring.ts";
import { importStack } from "./import-stack.ts";
import { readLines } from "./read-lines.ts";
import { standingOf } from "./rules.ts";
import { findImportPlace } from "./store.ts";

export interface ImportRoutesOptions {
  db: Database;
  keyring: Keyring;
  clock: Clock;
}

/** The body is read line by line, within limits of its own. */
const STREAMED_BODY_BYTES = Number.MAX_SAFE_INTEGER;

/** Routes by which whole stacks come from other backends. */
export async function importRoutes(
  app: FastifyInstance,
  { db, keyring, clock }: ImportRoutesOptions,
): Promise<void> {
  serve(app, endpoints.planStateImport, async ({ body, actor }) => {
    const items: { project: string; stack: string; standing: ReturnType<typeof standingOf> }[] = [];
    for (const { project, stack, digest } of body.stacks) {
      const place = await findImportPlace(db, { organisation: body.organisation, project, stack });
      const standing = standingOf(actor, body.organisation, place, digest.replace(/^sha256:/, ""));
      items.push({ project, stack, standing });
    }
    return { items };
  });

  // A scope of its own: only here a body is a stream.
  await app.register((scope, _options, done) => {
    scope.addContentTypeParser(IMPORT_MEDIA_TYPE, (_request, payload, parsed) => {
      parsed(null, payload);
    });
    scope.route({
      method: "POST",
      url: IMPORT_PATH,
      config: { permission: "any" },
      // readLines unpacks, within its limits.
      decompress: false,
      bodyLimit: STREAMED_BODY_BYTES,
      schema: {
        summary: "Import one stack with its history: lines of JSON (stack, updates, state), all or nothing",
        tags: ["state-imports"],
        consumes: [IMPORT_MEDIA_TYPE],
        querystring: ImportQuery,
        response: {
          200: StateImport,
          "4xx": {
            description: "Problem details (RFC 9457)",
            content: { [PROBLEM_TYPE]: { schema: Problem } },
          },
          "5xx": {
            description: "Problem details (RFC 9457)",
            content: { [PROBLEM_TYPE]: { schema: Problem } },
          },
        },
      },
      handler: async (request) =>
        importStack(
          { db, keyring, now: () => clock.now() },
          { actor: actorIn(request), requestId: callerOf(request).requestId },
          (request.query as z.output<typeof ImportQuery>).digest,
          readLines(request.body as Readable, request.headers["content-encoding"]),
        ),
    });
    done();
  });
}
