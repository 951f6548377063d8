import type { FastifyInstance } from "fastify";
import { appendAudit } from "../audit/store.ts";
import { endpoints } from "../contract/endpoints.ts";
import type { Database } from "../database.ts";
import { withTransaction } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import { serve } from "../http/endpoint.ts";
import { missing } from "./missing.ts";
import * as store from "./readers-store.ts";
import { can } from "./rules.ts";
import { findStackResource } from "./store.ts";

/** Readers that a list of reads shows, newest first; there is one for each stack and person, not for each read. */
const READS_LIMIT = 500;

/** Routes of who may read a stack's outputs, and who has. */
export function readerRoutes(app: FastifyInstance, { db }: { db: Database }): void {
  serve(app, endpoints.listReaders, async ({ params, actor }) => {
    const stack = await findStackResource(db, params);
    if (stack === undefined) throw missing.stack(params);
    const reads = await store.listReads(db, stack.stackId, READS_LIMIT);
    return {
      allowed: await store.listReaders(db, stack.stackId),
      reads: reads.map((read) => {
        const isVisible =
          read.reader !== null && can(actor, "organisation.read", { organisation: read.reader.organisation });
        return { ...read, reader: isVisible ? read.reader : null };
      }),
    };
  });

  serve(app, endpoints.allowReader, async ({ params, caller }) =>
    withTransaction(db, async (trx) => {
      const names = namesIn(params);
      const [stack, reader] = [
        await findStackResource(trx, names.stack),
        await findStackResource(trx, names.reader),
      ];
      if (stack === undefined) throw missing.stack(names.stack);
      if (reader === undefined) throw missing.stack(names.reader);
      if (stack.stackId === reader.stackId) {
        throw new SlipwayError("conflict", "A stack's program may always read its own outputs.");
      }
      const { stackId } = stack;
      const added = await store.putReader(trx, {
        stackId,
        readerStackId: reader.stackId,
        grantedBy: caller.principal,
      });
      if (added) {
        await appendAudit(trx, {
          ...caller,
          action: "reader.allowed",
          organisation: params.organisation,
          subject: `${params.organisation}/${params.project}/${params.stack}`,
          details: { reader: `${params.readerProject}/${params.readerStack}` },
        });
      }
      const allowed = await store.listReaders(trx, stackId);
      const one = allowed.find(
        ({ project, stack }) => project === params.readerProject && stack === params.readerStack,
      );
      if (one === undefined) throw new Error("a reader that was just allowed is not there");
      return one;
    }),
  );

  serve(app, endpoints.removeReader, async ({ params, caller }) =>
    withTransaction(db, async (trx) => {
      const names = namesIn(params);
      const [stack, reader] = [
        await findStackResource(trx, names.stack),
        await findStackResource(trx, names.reader),
      ];
      if (stack === undefined) throw missing.stack(names.stack);
      const removed = reader !== undefined && (await store.deleteReader(trx, stack.stackId, reader.stackId));
      if (!removed) {
        throw new SlipwayError(
          "not_found",
          `${params.readerProject}/${params.readerStack} is not among the readers of the stack.`,
          { remedy: "GET .../readers lists them." },
        );
      }
      await appendAudit(trx, {
        ...caller,
        action: "reader.removed",
        organisation: params.organisation,
        subject: `${params.organisation}/${params.project}/${params.stack}`,
        details: { reader: `${params.readerProject}/${params.readerStack}` },
      });
      return null;
    }),
  );
}

function namesIn(params: {
  organisation: string;
  project: string;
  stack: string;
  readerProject: string;
  readerStack: string;
}) {
  const { organisation, project, stack, readerProject, readerStack } = params;
  return {
    stack: { organisation, project, stack },
    reader: { organisation, project: readerProject, stack: readerStack },
  };
}
