import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TestApi } from "../../../test/helpers/api.ts";
import { startTestApi } from "../../../test/helpers/api.ts";
import { DeploymentStatus } from "../contract/deployments.ts";
import { canMove, isTerminal, MOVES } from "./rules.ts";

let api: TestApi;
let stackId: string;
beforeAll(async () => {
  api = await startTestApi();
  await api.makeStack("moves");
  stackId = (await api.db.selectFrom("stacks").select("id").executeTakeFirstOrThrow()).id;
});
afterAll(() => api.close());

test("the database knows the same moves as the rules", async () => {
  const rows = await api.db.selectFrom("deployment_moves").selectAll().execute();
  const stored = rows.map((row) => `${row.from_status} ${row.to_status}`).sort();
  const known = Object.entries(MOVES).flatMap(([from, all]) => all.map((to) => `${from} ${to}`));
  expect(stored).toEqual(known.sort());
});

test("the database lets a deployment make each known move and refuses every other one, whoever asks", async () => {
  let number = 0;
  for (const from of DeploymentStatus.options) {
    for (const to of DeploymentStatus.options.filter((status) => status !== from)) {
      const id = randomUUID();
      number += 1;
      const finished = (status: DeploymentStatus) => (isTerminal(status) ? new Date() : null);
      await api.db
        .insertInto("deployments")
        .values({
          id,
          stack_id: stackId,
          number,
          operation: "update",
          status: from,
          requested_by: "owner",
          config_digest: "",
          finished_at: finished(from),
        })
        .execute();
      const move =
        sql`update deployments set status = ${to}, finished_at = ${finished(to)} where id = ${id}`.execute(
          api.db,
        );
      const moved = await move.then(
        () => true,
        (error: Error) => (error.message.includes("does not move") ? false : error.message),
      );
      expect(moved, `${from} -> ${to}`).toBe(canMove(from, to));
    }
  }
});
