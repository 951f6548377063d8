import type { FastifyInstance } from "fastify";
import { endpoints } from "../contract/endpoints.ts";
import type { Database } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import { serve } from "../http/endpoint.ts";
import { found } from "../stacks/routes.ts";
import { referStack } from "../stacks/store.ts";
import { makeDocument } from "./make.ts";
import { readDocumentFacts } from "./store.ts";

/** The route of documents. */
export function documentRoutes(app: FastifyInstance, { db }: { db: Database }): void {
  serve(app, endpoints.getDocument, async ({ params, query }) => {
    const { kind, ...name } = params;
    const stack = found(await referStack(db, name), name);
    const facts = await readDocumentFacts(db, { ...name, id: stack.id }, query.release);
    if (facts !== undefined) return makeDocument(kind, facts);
    throw new SlipwayError(
      "release_not_found",
      query.release === undefined
        ? "The stack has no release yet."
        : `The stack has no release ${query.release}.`,
      { remedy: "List its releases." },
    );
  });
}
