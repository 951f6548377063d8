import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TestDatabase } from "../../../test/helpers/postgres.ts";
import { testPostgres } from "../../../test/helpers/postgres.ts";
import type { OpenDatabase, Transaction } from "../database.ts";
import { openDatabase } from "../database.ts";
import { appendEvents } from "../deployments/events-store.ts";
import { claimNext } from "./claim-store.ts";
import type { LeaseDecision, LeaseHolder, WriterRow } from "./lease-rules.ts";
import { claim, end, LEASE_MS, NO_WRITER, renew, takeOver, write } from "./lease-rules.ts";
import { endAttempt, holdFence, lockLostAttempt, recordWorker, renewLease } from "./store.ts";

const RUNS = 150;
/** Each run is a transaction or two, on a machine that may be busy. */
const RUNS_TIMEOUT_MS = 120_000;
/** The database's clock stands still within a transaction: the rules are told that it is 0 there. */
const NOW = 0;

const [workerId, projectId, stackId, deploymentId] = [0, 0, 0, 0].map(() => randomUUID()) as [
  string,
  string,
  string,
  string,
];
/** Of the deployment; the first is the one that is looked at, the second ended long ago. */
const ATTEMPTS = [randomUUID(), randomUUID()] as const;
const UPDATE = randomUUID();

let database: TestDatabase;
let open: OpenDatabase;
beforeAll(async () => {
  database = await testPostgres().freshDatabase();
  open = openDatabase(database.url, { applicationName: "slipway-test" });
  const { db } = open;
  await recordWorker(db, workerId, "test");
  await sql`insert into projects (id, organisation, name, folder) values (${projectId}, 'default', 'p', '/p')`.execute(
    db,
  );
  await sql`insert into stacks (id, project_id, name) values (${stackId}, ${projectId}, 's')`.execute(db);
  await sql`insert into deployments (id, stack_id, number, operation, requested_by, config_digest) values (${deploymentId}, ${stackId}, 1, 'update', 'owner', '')`.execute(
    db,
  );
});
afterAll(async () => {
  await open.close();
  await database.drop();
});

const epochs = fc.integer({ min: 1, max: 3 });
/** Milliseconds from now, this very instant among them. */
const expiries = fc.oneof(fc.constant(0), fc.constantFrom(-1, 1), fc.integer({ min: -20_000, max: 20_000 }));
const held = (holder: fc.Arbitrary<string>, holderKind: "attempt" | "update"): fc.Arbitrary<WriterRow> =>
  fc.record({ holder, holderKind: fc.constant(holderKind), epoch: epochs, expiresAt: expiries });
const rows: fc.Arbitrary<WriterRow> = fc.oneof(
  fc.constant(NO_WRITER),
  epochs.map((epoch) => ({ ...NO_WRITER, epoch })),
  { weight: 4, arbitrary: held(fc.constantFrom(...ATTEMPTS), "attempt") },
  held(fc.constant(UPDATE), "update"),
);
const holders: fc.Arbitrary<LeaseHolder> = fc.record({
  attemptId: fc.oneof({ weight: 3, arbitrary: fc.constant(ATTEMPTS[0]) }, fc.constant(ATTEMPTS[1])),
  epoch: epochs,
});

/** Asks the database in a transaction that leaves nothing behind: with this row, and a deployment of this status with its two attempts. */
async function inDatabase(
  row: WriterRow,
  status: "queued" | "running",
  epoch: number,
  ask: (trx: Transaction) => Promise<boolean>,
): Promise<LeaseDecision> {
  let decision: LeaseDecision | undefined;
  const undone = new Error("undone");
  const work = open.db.transaction().execute(async (trx) => {
    if (row.epoch > 0) {
      await sql`
        insert into stack_writers (stack_id, holder, holder_kind, epoch, expires_at)
        values (${stackId}, ${row.holder}, ${row.holderKind}, ${row.epoch}, now() + ${row.expiresAt}::integer * interval '1 millisecond')
      `.execute(trx);
    }
    await sql`
      insert into attempts (id, deployment_id, number, worker_id, epoch, status)
      values (${ATTEMPTS[0]}, ${deploymentId}, 2, ${workerId}, ${epoch}, ${status === "running" ? "running" : "lost"}),
        (${ATTEMPTS[1]}, ${deploymentId}, 1, ${workerId}, ${epoch}, 'lost')
    `.execute(trx);
    if (status === "running")
      await sql`update deployments set status = 'running' where id = ${deploymentId}`.execute(trx);
    const granted = await ask(trx);
    decision = { granted, row: await readRow(trx) };
    throw undone;
  });
  await work.catch((error: unknown) => {
    if (error !== undone) throw error;
  });
  if (decision === undefined) throw new Error("nothing was decided");
  return decision;
}

async function readRow(trx: Transaction): Promise<WriterRow> {
  const { rows: found } = await sql<WriterRow>`
    select holder, holder_kind as "holderKind", epoch,
      (extract(epoch from expires_at - now()) * 1000)::double precision as "expiresAt"
    from stack_writers where stack_id = ${stackId}
  `.execute(trx);
  return found[0] ?? NO_WRITER;
}

const fenceOf = (by: LeaseHolder) => ({ ...by, stackId });

describe("the statements decide as the rules do, whatever the row and whoever asks", {
  timeout: RUNS_TIMEOUT_MS,
}, () => {
  test("a claim", async () => {
    const attemptId = randomUUID();
    await fc.assert(
      fc.asyncProperty(rows, async (row) => {
        const decided = await inDatabase(
          row,
          "queued",
          1,
          async (trx) => (await claimNext(trx, { workerId, attemptId })) !== null,
        );
        expect(decided).toEqual(claim(row, { attemptId }, NOW));
      }),
      { numRuns: RUNS },
    );
  });

  test("a renewal", async () => {
    await fc.assert(
      fc.asyncProperty(rows, holders, async (row, by) => {
        const decided = await inDatabase(
          row,
          "running",
          by.epoch,
          async (trx) => (await renewLease(trx, fenceOf(by), deploymentId)) !== null,
        );
        expect(decided).toEqual(renew(row, by, NOW));
      }),
      { numRuns: RUNS },
    );
  });

  test("a write, in a transaction of its own or as an event", async () => {
    const event = {
      at: new Date().toISOString(),
      body: { type: "status", status: "running", detail: null },
    } as const;
    await fc.assert(
      fc.asyncProperty(rows, holders, async (row, by) => {
        const expected = write(row, by, NOW);
        const locked = await inDatabase(row, "running", by.epoch, (trx) =>
          holdFence(trx, fenceOf(by)).then(
            () => true,
            () => false,
          ),
        );
        expect(locked).toEqual(expected);
        const appended = await inDatabase(row, "running", by.epoch, (trx) =>
          appendEvents(trx, { deploymentId, attempt: 2, fence: fenceOf(by) }, [event]),
        );
        expect(appended).toEqual(expected);
      }),
      { numRuns: RUNS },
    );
  });

  test("a takeover", async () => {
    await fc.assert(
      fc.asyncProperty(rows, epochs, async (row, epoch) => {
        const lost = { attemptId: ATTEMPTS[0], epoch };
        const decided = await inDatabase(row, "running", epoch, async (trx) => {
          const found = await lockLostAttempt(trx);
          if (found === undefined) return false;
          expect(found).toMatchObject(lost);
          await endAttempt(trx, fenceOf(lost), "lost");
          return true;
        });
        expect(decided).toEqual(takeOver(row, lost, NOW));
      }),
      { numRuns: RUNS },
    );
  });

  test("the end of an attempt", async () => {
    await fc.assert(
      fc.asyncProperty(rows, holders, async (row, by) => {
        const expected = end(row, by);
        const decided = await inDatabase(row, "running", by.epoch, async (trx) => {
          await endAttempt(trx, fenceOf(by), "failed");
          return expected.granted;
        });
        expect(decided).toEqual(expected);
      }),
      { numRuns: RUNS },
    );
  });
});

describe("whatever is asked in whatever order", () => {
  const requests = fc.array(
    fc.record({
      what: fc.constantFrom("claim", "renew", "write", "takeOver", "end"),
      who: fc.integer({ min: 0, max: 2 }),
      after: fc.integer({ min: 0, max: LEASE_MS }),
    }),
    { maxLength: 60 },
  );

  test("one attempt at a time may write, the epoch never goes back, and who was taken over never writes again", () => {
    fc.assert(
      fc.property(requests, (asked) => {
        let row = NO_WRITER;
        let now = 0;
        const mine = new Map<number, LeaseHolder>();
        const gone = new Set<string>();
        let names = 0;
        for (const { what, who, after } of asked) {
          now += after;
          const before = row;
          if (what === "claim") {
            names += 1;
            const attemptId = `attempt ${names}`;
            const decision = claim(row, { attemptId }, now);
            if (decision.granted) {
              if (row.holder !== null) gone.add(row.holder);
              mine.set(who, { attemptId, epoch: decision.row.epoch });
              expect(decision.row.epoch).toBe(before.epoch + 1);
            }
            row = decision.row;
          } else {
            const by = mine.get(who);
            if (by === undefined) continue;
            const decision =
              what === "renew"
                ? renew(row, by, now)
                : what === "write"
                  ? write(row, by, now)
                  : what === "takeOver"
                    ? takeOver(row, by, now)
                    : end(row, by);
            if (decision.granted) expect(gone).not.toContain(by.attemptId);
            if (decision.granted && (what === "takeOver" || what === "end")) gone.add(by.attemptId);
            row = decision.row;
          }
          expect(row.epoch).toBeGreaterThanOrEqual(before.epoch);
          const writers = [...mine.values()].filter((by) => write(row, by, now).granted);
          expect(writers.length).toBeLessThanOrEqual(1);
        }
      }),
    );
  });
});
