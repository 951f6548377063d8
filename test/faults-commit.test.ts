import { afterAll, beforeAll, expect, test } from "vitest";
import { type Bed, makeBed } from "./faults/bed.ts";
import {
  acknowledgedIsThere,
  askedOnce,
  changesAreAudited,
  nothingIsLeft,
  oneWriterAtATime,
  ranOnce,
} from "./faults/checks.ts";
import { CLAIMS, INSERTS_DEPLOYMENT, RECORDS_RELEASE } from "./faults/points.ts";
import { makeWitnessProject } from "./faults/project.ts";
import type { StatementProxy } from "./faults/statement-proxy.ts";
import { endOf, requestUntilAnswered } from "./faults/trial.ts";

let bed: Bed;
const acknowledged = { deployments: [], projects: [] };
beforeAll(async () => {
  bed = await makeBed({ workers: 1 });
});
afterAll(() => bed.close());

/** Deploys while the reply to one commit is lost with its connection; answers the deployment at its end. */
async function deployLosing(name: string, proxy: StatementProxy | undefined, match: RegExp) {
  const project = await makeWitnessProject(bed, name);
  const trap = proxy?.trap({ match, committed: true, side: "reply" });
  const lost = trap?.sprung.then(() => trap.cut());
  const { id } = await requestUntilAnswered(bed, project, { skipPreview: true }, acknowledged);
  const end = await endOf(bed, id);
  await lost;
  expect(trap?.hasSprung).toBe(true);
  expect([
    ...(await acknowledgedIsThere(bed, acknowledged)),
    ...(await askedOnce(bed, project, 1)),
    ...(await changesAreAudited(bed)),
    ...(await oneWriterAtATime(bed, project)),
    ...(await ranOnce(bed, project)),
    ...(await nothingIsLeft(bed)),
  ]).toEqual([]);
  return end;
}

test("K1: the reply to the commit of a request is lost: the client's retry with its key makes no second deployment", async () => {
  expect(await deployLosing("lost-request", bed.serverStatements, INSERTS_DEPLOYMENT)).toMatchObject({
    status: "succeeded",
    number: 1,
    release: 1,
  });
});

test("K4: the reply to a claim is lost: what was claimed for nobody is claimed again, and runs once", async () => {
  expect(await deployLosing("lost-claim", bed.workerStatements[0], CLAIMS)).toMatchObject({
    status: "succeeded",
    number: 1,
    release: 1,
  });
});

test("K11: the reply to the commit of the result is lost: the deployment has succeeded once, with one release", async () => {
  const end = await deployLosing("lost-result", bed.workerStatements[0], RECORDS_RELEASE);
  expect(end).toMatchObject({ status: "succeeded", number: 1, release: 1, attempts: 1 });
});
