import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LEASE_MS } from "../../automation/src/attempts/lease-rules.ts";
import { createClient } from "../../automation/src/client/index.ts";
import { type Bed, makeBed } from "../faults/bed.ts";
import { nothingIsLeft } from "../faults/checks.ts";
import { makeWitnessProject } from "../faults/project.ts";
import { endOf, requestUntilAnswered } from "../faults/trial.ts";
import { eventually } from "../helpers/waiting.ts";

const HOUR_MS = 3_600_000;
const TEN_YEARS_MS = 10 * 365.25 * 24 * HOUR_MS;
const EVERY_JUMP = [HOUR_MS, -HOUR_MS, TEN_YEARS_MS, -TEN_YEARS_MS];
const JUMPS: readonly (readonly ["worker" | "server", readonly number[]])[] = [
  ["worker", EVERY_JUMP],
  ["server", EVERY_JUMP],
];
/** Renewals come every 3 s, sweeps every 2 s. */
const WATCHED_MS = 5_000;
const BEGINS_MS = 90_000;

let folder: string;
let bed: Bed;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), "slipway-clock-"));
  const launch = (name: string) => {
    const file = path.join(folder, name);
    writeFileSync(file, "0");
    return {
      nodeArguments: ["--import", path.join(import.meta.dirname, "../faults/shifted-clock.ts")],
      env: { SLIPWAY_TEST_CLOCK: file },
    };
  };
  bed = await makeBed({ server: launch("server"), worker: launch("worker") });
});
afterAll(async () => {
  await bed.close();
  rmSync(folder, { recursive: true, force: true });
});

function jump(who: "server" | "worker", aheadMs: number): void {
  writeFileSync(path.join(folder, who), String(aheadMs));
}

test("clocks of workers and server that jump by an hour or ten years, forward and back, take no lease, end no token and lose no run", async () => {
  const project = await makeWitnessProject(bed, "jumps");
  const person = await bed.client.createToken({ body: { name: "of a day", expiresInDays: 1 } });
  const guest = createClient({ baseUrl: bed.baseUrl, token: person.value });
  project.hold("create-two-v1");
  const { id } = await requestUntilAnswered(bed, project, {}, { deployments: [], projects: [] });
  await eventually("the provider works", BEGINS_MS, () =>
    project.lines().some(({ kind, name }) => kind === "started" && name === "two"),
  );
  for (const [who, jumps] of JUMPS) {
    for (const aheadMs of jumps) {
      jump(who, aheadMs);
      await pause(WATCHED_MS);
      const now = await guest.getDeployment({ params: { id }, query: { wait: 0 } });
      expect(now, `the ${who} is ${aheadMs} ms ahead`).toMatchObject({ status: "running", attempts: 1 });
      const [writer] = await bed.rows<{ left: number }>(
        "select extract(epoch from expires_at - now())::float8 as left from stack_writers where holder is not null",
      );
      expect(writer?.left, `the ${who} is ${aheadMs} ms ahead`).toBeGreaterThan(5);
      expect(writer?.left).toBeLessThanOrEqual(LEASE_MS / 1000);
    }
    jump(who, 0);
  }
  jump("worker", TEN_YEARS_MS);
  project.release("create-two-v1");
  expect(await endOf(bed, id)).toMatchObject({ status: "succeeded", attempts: 1 });
  expect(await nothingIsLeft(bed)).toEqual([]);
});
