import { randomUUID } from "node:crypto";
import type { RawBuilder } from "kysely";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TestApi } from "../../../test/helpers/api.ts";
import { startTestApi } from "../../../test/helpers/api.ts";
import type { AttemptStatus } from "../attempts/moves.ts";
import { ATTEMPT_MOVES, ATTEMPT_STATUSES, canAttemptMove, isAttemptLive } from "../attempts/moves.ts";
import { recordWorker } from "../attempts/store.ts";
import { DeploymentStatus } from "../contract/deployments.ts";
import { canMove, isTerminal, MOVES } from "./rules.ts";

let api: TestApi;
let stackId: string;
const workerId = randomUUID();
let number = 0;
beforeAll(async () => {
  api = await startTestApi();
  await api.makeStack("moves");
  stackId = (await api.db.selectFrom("stacks").select("id").executeTakeFirstOrThrow()).id;
  await recordWorker(api.db, workerId, "test");
});
afterAll(() => api.close());

const endOf = (hasEnded: boolean) => (hasEnded ? new Date() : null);

async function makeDeployment(status: DeploymentStatus): Promise<string> {
  const id = randomUUID();
  number += 1;
  await api.db
    .insertInto("deployments")
    .values({
      id,
      stack_id: stackId,
      number,
      operation: "update",
      status,
      requested_by: "owner",
      config_digest: "",
      finished_at: endOf(isTerminal(status)),
    })
    .execute();
  return id;
}

async function makeAttempt(status: AttemptStatus): Promise<string> {
  const id = randomUUID();
  const deployment = await makeDeployment("queued");
  await sql`insert into attempts (id, deployment_id, number, worker_id, epoch, status) values (${id}, ${deployment}, 1, ${workerId}, 1, ${status})`.execute(
    api.db,
  );
  return id;
}

/** Of the two nouns that have a status: the table of the code, that of the database, and how to make and move a row. */
const NOUNS = [
  {
    noun: "deployment",
    statuses: DeploymentStatus.options,
    moves: MOVES,
    table: "deployment_moves",
    can: canMove,
    make: makeDeployment,
    move: (id: string, to: DeploymentStatus) =>
      sql`update deployments set status = ${to}, finished_at = ${endOf(isTerminal(to))} where id = ${id}`,
  },
  {
    noun: "attempt",
    statuses: ATTEMPT_STATUSES,
    moves: ATTEMPT_MOVES,
    table: "attempt_moves",
    can: canAttemptMove,
    make: makeAttempt,
    move: (id: string, to: AttemptStatus) =>
      sql`update attempts set status = ${to}, finished_at = ${endOf(!isAttemptLive(to))} where id = ${id}`,
  },
] as const;

describe.each([...NOUNS])("the status of a $noun", (about) => {
  const { statuses, moves, noun } = about;
  const can = about.can as (from: string, to: string) => boolean;
  const make = about.make as (status: string) => Promise<string>;
  const move = about.move as (id: string, to: string) => RawBuilder<unknown>;

  test("has the same moves in the database as in the rules", async () => {
    const rows = await api.db.selectFrom(about.table).selectAll().execute();
    const stored = rows.map((row) => `${row.from_status} ${row.to_status}`).sort();
    const table: Readonly<Record<string, readonly string[]>> = moves;
    const known = Object.entries(table).flatMap(([from, all]) => all.map((to) => `${from} ${to}`));
    expect(stored).toEqual(known.sort());
  });

  test("makes each known move and no other one, whoever asks the database", async () => {
    for (const from of statuses) {
      for (const to of statuses.filter((status) => status !== from)) {
        const id = await make(from);
        const moved = await move(id, to)
          .execute(api.db)
          .then(
            () => true,
            (error: Error) => (error.message.includes(`${noun} does not move`) ? false : error.message),
          );
        expect(moved, `${from} -> ${to}`).toBe(can(from, to));
      }
    }
  });
});

test("every pair of an attempt's statuses is allowed or refused as written here, and one that has ended is never left", () => {
  const allowed = [
    "claimed running",
    "claimed failed",
    "claimed cancelled",
    "claimed lost",
    "running succeeded",
    "running failed",
    "running cancelled",
    "running lost",
  ];
  for (const from of ATTEMPT_STATUSES) {
    for (const to of ATTEMPT_STATUSES) {
      expect(canAttemptMove(from, to), `${from} -> ${to}`).toBe(allowed.includes(`${from} ${to}`));
    }
    expect(isAttemptLive(from), from).toBe(["claimed", "running"].includes(from));
  }
});
