import { createHash } from "node:crypto";
import type { FastifyRequest } from "fastify";
import { sql } from "kysely";
import type { Endpoint } from "../contract/endpoint.ts";
import type { Database, Transaction } from "../database.ts";
import { withTransaction } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import type { Answer, Call } from "./endpoint.ts";

/** What a change answers, kept under the request's Idempotency-Key. */
export interface ChangeAnswer<E extends Endpoint> {
  body: Answer<E>;
  location: string;
}

/** A change whose answer is repeated for the same key. */
export interface Change<E extends Endpoint, Prepared> {
  /** What takes long and changes nothing in the database, done before the transaction; not done for a repeated request. */
  prepare: () => Promise<Prepared>;
  apply: (trx: Transaction, prepared: Prepared) => Promise<ChangeAnswer<E>>;
}

/**
 * Runs a change in one transaction with the record of its answer, so that a client that lost the answer can ask again. Of
 * two requests at once with one key the second waits for the first. Failed requests leave no record: they changed nothing.
 */
export async function changeOnce<E extends Endpoint, Prepared>(
  db: Database,
  endpoint: E,
  call: Call<E>,
  change: Change<E, Prepared>,
): Promise<Answer<E>> {
  const key = call.request.headers["idempotency-key"];
  const send = (answer: ChangeAnswer<E>, replayed: boolean): Answer<E> => {
    call.reply.header("location", answer.location);
    if (replayed) call.reply.header("idempotency-replayed", "true");
    return answer.body;
  };
  if (typeof key !== "string") {
    const prepared = await change.prepare();
    return send(await withTransaction(db, (trx) => change.apply(trx, prepared)), false);
  }

  const { principal } = call.caller;
  const fingerprint = fingerprintOf(call.request);
  const earlier = await findAnswer<E>(db, principal, key, fingerprint);
  if (earlier !== undefined) return send(earlier, true);
  const prepared = await change.prepare();
  return withTransaction(db, async (trx) => {
    await sql`select pg_advisory_xact_lock(hashtextextended(${`${principal} ${key}`}, 0))`.execute(trx);
    const meanwhile = await findAnswer<E>(trx, principal, key, fingerprint);
    if (meanwhile !== undefined) return send(meanwhile, true);
    const answer = await change.apply(trx, prepared);
    await trx
      .insertInto("idempotency_keys")
      .values({
        principal,
        key,
        fingerprint,
        status: endpoint.success.status,
        location: answer.location,
        body: JSON.stringify(answer.body),
      })
      .execute();
    return send(answer, false);
  });
}

async function findAnswer<E extends Endpoint>(
  db: Database,
  principal: string,
  key: string,
  fingerprint: string,
): Promise<ChangeAnswer<E> | undefined> {
  const row = await db
    .selectFrom("idempotency_keys")
    .select(["fingerprint", "location", "body"])
    .where("principal", "=", principal)
    .where("key", "=", key)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  if (row.fingerprint !== fingerprint) {
    throw new SlipwayError("idempotency_mismatch", "This Idempotency-Key was used for another request.", {
      remedy: "Use a new key for each new request.",
    });
  }
  return { body: row.body as Answer<E>, location: row.location ?? "" };
}

/** Method, path and body; not the query, which only says how long to wait. */
function fingerprintOf(request: FastifyRequest): string {
  const path = request.url.split("?")[0];
  return createHash("sha256")
    .update(JSON.stringify([request.method, path, request.body]))
    .digest("hex");
}
