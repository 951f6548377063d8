import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { Deployment } from "../../automation/src/contract/deployments.ts";
import { eventually } from "../helpers/waiting.ts";
import type { Bed } from "./bed.ts";
import type { Acknowledged, Violation } from "./checks.ts";
import {
  acknowledgedIsThere,
  askedOnce,
  canaryIsSilent,
  changesAreAudited,
  eventsAreWhole,
  nothingIsLeft,
  nothingIsStranded,
  oneWriterAtATime,
  outboxIsDelivered,
  ranOnce,
  toldAsItIs,
  votesWereKept,
} from "./checks.ts";
import { isPassing } from "./passing.ts";
import type { Point } from "./points.ts";
import type { WitnessProject } from "./project.ts";
import { makeWitnessProject } from "./project.ts";
import { kill, thaw, type Victim } from "./victims.ts";
import { protectByVotes } from "./voter.ts";

/** One fault to try. */
export interface TrialPlan {
  number: number;
  point: Point;
  victim: Victim;
  skipPreview: boolean;
}

/** What came of it. */
export interface TrialResult {
  number: number;
  point: string;
  victim: Victim;
  /** How the deployment ended; null when it did not. */
  status: string | null;
  /** From the kill until the deployment's end was stored, in milliseconds. */
  verdictMs: number | null;
  violations: Violation[];
  /** Why the trial says nothing: the point was not reached, or there was nothing to kill. */
  invalid: string | null;
}

/** What all trials on one bed share. */
export interface TrialShared {
  acknowledged: Acknowledged;
  canary: string;
  /** Also look through everything for the canary, which takes longer the more there is. */
  searchCanary: boolean;
  /** What an earlier trial was found to have left. */
  left?: Set<string>;
  /** How long a deployment may take to end. */
  endsWithinMs?: number;
}

const ENDS_WITHIN_MS = 120_000;
/** For what a worker does that was stopped: renew, write, be refused. */
const AWAKE_MS = 4_000;
/** What a trial may take to tidy up. */
const LEFT_MS = 20_000;
const ASK_AGAIN_MS = 200;

/** Brings one deployment to its point, kills, starts again what was killed, waits for the end and holds all rules against what is left. */
export async function runTrial(bed: Bed, plan: TrialPlan, shared: TrialShared): Promise<TrialResult> {
  const { point, victim } = plan;
  const result: TrialResult = {
    number: plan.number,
    point: point.id,
    victim,
    status: null,
    verdictMs: null,
    violations: [],
    invalid: null,
  };
  const name = `t${plan.number}-${randomUUID().slice(0, 6)}`;
  const project = await makeWitnessProject(bed, name, {
    installs: point.installs === true,
    canary: shared.canary,
  });
  shared.acknowledged.projects.push(name);
  const voter = point.needsVote === true ? await protectByVotes(bed, project) : undefined;
  const answer = Promise.withResolvers<Deployment>();
  const stand = point.arm({ bed, project, answered: answer.promise });
  const skipPreview = plan.skipPreview && point.needsVote !== true;
  void requestUntilAnswered(bed, project, { skipPreview }, shared.acknowledged).then(
    answer.resolve,
    answer.reject,
  );
  // Of a deployment that never ends, as where nobody takes it over, the follower would go on for ever.
  const over = new AbortController();
  const following = answer.promise.then(({ id }) => follow(bed, id, over.signal));
  // Awaited below; until then a failure is not unhandled.
  following.catch(() => {});
  try {
    await Promise.race([stand.reached, endedTooEarly(bed, answer.promise)]);
    const known = await latestOf(bed, project);
    const killed = await kill(bed, victim, known);
    const killedAt = performance.now();
    // What a frozen worker had under way goes on with it, when all others have done their part.
    if (victim !== "frozen-worker" || point.installs === true) stand.release();
    if (!killed) result.invalid = `no ${victim} was running`;
    await bed.heal();
    const { id } = await answer.promise;
    const ended = await endOf(bed, id, shared.endsWithinMs);
    if (ended === undefined) {
      result.violations.push({ rule: "N4", detail: `deployment ${id} has not ended` });
    } else {
      result.status = ended.status;
      result.verdictMs = performance.now() - killedAt;
      const allowed = point.ends[victim] ?? [];
      if (result.invalid === null && !allowed.some((status) => status === ended.status))
        result.violations.push({
          rule: "N7",
          detail: `ended as ${ended.status} (${JSON.stringify(ended.failure)}), expected ${allowed.join(" or ")}`,
        });
      const wake = async (): Promise<void> => {
        if (victim !== "frozen-worker" && victim !== "stalled-worker") return;
        thaw(bed);
        stand.release();
        await pause(AWAKE_MS);
      };
      result.violations.push(...(await judge(bed, project, id, { following, shared, wake })));
    }
  } catch (error) {
    result.invalid = error instanceof Error ? error.message : String(error);
  } finally {
    over.abort();
    thaw(bed);
    stand.release();
    await bed.heal();
    await voter?.stop();
  }
  return result;
}

async function judge(
  bed: Bed,
  project: WitnessProject,
  id: string,
  {
    following,
    shared,
    wake,
  }: { following: Promise<number[]>; shared: TrialShared; wake: () => Promise<void> },
): Promise<Violation[]> {
  const told = await toldAsItIs(bed, project, { id, text: "v1", earlierPending: new Set() });
  // The stack has to be good for the next one.
  project.write("after");
  const next = await requestUntilAnswered(bed, project, {}, shared.acknowledged);
  const after = await endOf(bed, next.id, shared.endsWithinMs);
  await wake();
  const usable: Violation[] =
    after?.status === "succeeded"
      ? []
      : [
          {
            rule: "N4",
            detail: `the next deployment ended as ${after?.status}: ${JSON.stringify(after?.failure)}`,
          },
        ];
  const toldAfter = await toldAsItIs(bed, project, {
    id: next.id,
    text: "after",
    earlierPending: told.pending,
  });
  return [
    ...told.violations,
    ...usable,
    ...(after?.status === "succeeded" ? toldAfter.violations : []),
    ...(await acknowledgedIsThere(bed, shared.acknowledged)),
    ...(await askedOnce(bed, project, 2)),
    ...(await changesAreAudited(bed)),
    ...(await nothingIsStranded(bed)),
    ...(await oneWriterAtATime(bed, project)),
    ...(await ranOnce(bed, project)),
    ...(await eventsAreWhole(bed, { id, sequences: await following })),
    ...(await outboxIsDelivered(bed)),
    ...(await votesWereKept(bed)),
    ...(await nothingIsLeft(bed, LEFT_MS, shared.left)),
    ...(shared.searchCanary ? await canaryIsSilent(bed, shared.canary) : []),
  ];
}

/** Asks for an update with one key until there is an answer, as a client does that loses it. */
export async function requestUntilAnswered(
  bed: Bed,
  project: WitnessProject,
  options: { skipPreview?: boolean },
  acknowledged: Acknowledged,
): Promise<Deployment> {
  const key = randomUUID();
  return eventually("the request is answered", ENDS_WITHIN_MS, async () => {
    try {
      const made = await bed.client.requestDeployment({
        params: project.params,
        query: { wait: 0 },
        body: { operation: "update", options: { ...options, parallel: 1 } },
        idempotencyKey: key,
      });
      acknowledged.deployments.push({ id: made.id, key });
      return made;
    } catch (error) {
      if (!isPassing(error)) throw error;
      await pause(ASK_AGAIN_MS);
      return undefined;
    }
  });
}

/** The end of a deployment; undefined when it does not come. */
export async function endOf(
  bed: Bed,
  id: string,
  withinMs = ENDS_WITHIN_MS,
): Promise<Deployment | undefined> {
  try {
    return await eventually("the deployment ends", withinMs, async () => {
      try {
        const now = await bed.client.getDeployment({ params: { id }, query: { wait: 2 } });
        return now.finishedAt === null ? undefined : now;
      } catch (error) {
        if (!isPassing(error)) throw error;
        await pause(ASK_AGAIN_MS);
        return undefined;
      }
    });
  } catch (error) {
    if (error instanceof Error && error.message.startsWith("not within")) return undefined;
    throw error;
  }
}

/** Numbers of the events that a follower gets, across every connection that it has to open again, until the deployment has ended or `signal` aborts. */
async function follow(bed: Bed, id: string, signal: AbortSignal): Promise<number[]> {
  const sequences: number[] = [];
  while (!signal.aborted) {
    try {
      const after = sequences.at(-1) ?? 0;
      const followed = bed.client.followEvents(id, { after, signal });
      for await (const { sequence } of followed) sequences.push(sequence);
      return sequences;
    } catch (error) {
      if (!isPassing(error)) throw error;
      await pause(ASK_AGAIN_MS);
    }
  }
  return sequences;
}

/** Rejects when the deployment has ended, which it must not before it was stopped. */
async function endedTooEarly(bed: Bed, answered: Promise<Deployment>): Promise<never> {
  const { id } = await answered;
  const ended = await endOf(bed, id);
  throw new Error(`it was not stopped: ${ended?.status} ${JSON.stringify(ended?.failure)}`);
}

async function latestOf(bed: Bed, project: WitnessProject): Promise<string | null> {
  const rows = await bed.rows<{ id: string }>(
    `select d.id from deployments d join stacks s on s.id = d.stack_id join projects p on p.id = s.project_id
     where p.name = $1 order by d.number desc limit 1`,
    [project.name],
  );
  return rows[0]?.id ?? null;
}
