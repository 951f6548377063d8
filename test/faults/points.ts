import { setTimeout as pause } from "node:timers/promises";
import type { DeploymentStatus } from "../../automation/src/contract/deployments.ts";
import { eventually } from "../helpers/waiting.ts";
import type { Bed } from "./bed.ts";
import type { WitnessProject } from "./project.ts";
import { installation } from "./project.ts";
import type { Victim } from "./victims.ts";

/** What a trial stands on when a point is prepared, before the deployment is requested. */
export interface Scene {
  bed: Bed;
  project: WitnessProject;
  /** Resolves with the answer to the request, whoever had to be asked again. */
  answered: Promise<{ id: string }>;
}

/** A deployment on its way to a point. */
export interface Stand {
  /** Resolves when it has come there and stands still. */
  reached: Promise<void>;
  /** Takes everything away that holds it. */
  release(): void;
}

/** A moment in the life of a deployment at which a trial can stop it. */
export interface Point {
  id: string;
  title: string;
  /** The deployment's dependencies have to be installed. */
  installs?: boolean;
  /** Its stack asks for a vote, which is given as soon as it is waited for. */
  needsVote?: boolean;
  /** Called before the request. `answered` of the scene settles later. */
  arm(scene: Scene): Stand;
  /** How the deployment may end, by what was killed; a victim that is not named is not there at this moment. */
  ends: Partial<Record<Victim, readonly DeploymentStatus[]>>;
}

const REACH_MS = 60_000;
export const INSERTS_DEPLOYMENT = /insert into "?deployments"?[\s(]/iu;
export const CLAIMS = /insert into "?attempts"?[\s(]/iu;
const BEGINS = /update "?attempts"? set "?status"? = ('running'|\$)/iu;
const VOTES = /insert into "?approval_votes"?[\s(]/iu;
export const RECORDS_RELEASE = /insert into "?releases"?[\s(]/iu;

const GOOD: readonly DeploymentStatus[] = ["succeeded"];
/** What had begun may or may not be done. */
const UNKNOWN: readonly DeploymentStatus[] = ["interrupted"];
const FAILED: readonly DeploymentStatus[] = ["failed", "interrupted"];
/** The work is done; whether that could still be told depends on what was left to tell it. */
const DONE: readonly DeploymentStatus[] = ["succeeded", "interrupted"];

const beforeClaim = { server: GOOD, worker: GOOD, postgres: GOOD, host: GOOD };
const frozen = { "frozen-worker": GOOD, "stalled-worker": GOOD };
const beforeUpdate = { ...beforeClaim, ...frozen, guardian: GOOD, runner: GOOD };
const inUpdate = {
  server: GOOD,
  postgres: GOOD,
  worker: UNKNOWN,
  host: UNKNOWN,
  guardian: UNKNOWN,
  runner: UNKNOWN,
  pulumi: FAILED,
  "language-host": FAILED,
  "frozen-worker": UNKNOWN,
  "stalled-worker": DONE,
};
const afterUpdate = {
  server: GOOD,
  postgres: GOOD,
  worker: DONE,
  host: DONE,
  "frozen-worker": DONE,
  "stalled-worker": DONE,
};

/** The points of the pipeline at which something is killed, in order. K13 needs a webhook's receiver: test/notifications-faults.test.ts kills servers there. */
export const POINTS: readonly Point[] = [
  {
    id: "K0",
    title: "the request is read, nothing is stored",
    arm: ({ bed }) => atServerStatement(bed, { match: INSERTS_DEPLOYMENT, side: "request" }),
    ends: beforeClaim,
  },
  {
    id: "K1",
    title: "deployment and audit entry are committed, the reply is not sent",
    arm: ({ bed }) => atServerStatement(bed, { match: INSERTS_DEPLOYMENT, committed: true, side: "reply" }),
    ends: beforeClaim,
  },
  {
    id: "K2",
    title: "replied, not claimed",
    arm: ({ bed, answered }) => {
      const claim = atWorkerStatement(bed, { match: CLAIMS, side: "request" });
      return { reached: Promise.all([answered, claim.reached]).then(() => {}), release: claim.release };
    },
    ends: beforeClaim,
  },
  {
    id: "K3",
    title: "the deciding vote is committed, its reply is not sent",
    needsVote: true,
    arm: ({ bed }) => atServerStatement(bed, { match: VOTES, committed: true, side: "reply" }),
    ends: beforeClaim,
  },
  {
    id: "K4",
    title: "claimed, and the worker has not heard of it",
    arm: ({ bed }) =>
      atWorkerStatement(bed, { match: CLAIMS, committed: true, side: "reply" }, claimedOne(bed)),
    ends: beforeUpdate,
  },
  {
    id: "K5",
    title: "begun, the work folder is not laid out",
    arm: ({ bed }) => atWorkerStatement(bed, { match: BEGINS, committed: true, side: "reply" }),
    ends: beforeUpdate,
  },
  {
    id: "K6",
    title: "dependencies are being installed",
    installs: true,
    arm: ({ bed }) => {
      installation.release(bed);
      installation.hold(bed);
      return {
        reached: until("the installation runs", () => installation.isReached(bed)),
        release: () => installation.release(bed),
      };
    },
    ends: beforeUpdate,
  },
  {
    id: "K7",
    title: "the update has begun, no resource has",
    arm: ({ project }) => {
      project.hold("program-v1");
      return {
        reached: until("the program of the update runs", () =>
          project.lines().some(({ kind, operation }) => kind === "program" && operation === "update"),
        ),
        release: () => project.release("program-v1"),
      };
    },
    ends: inUpdate,
  },
  {
    id: "K8",
    title: "the pending operation is stored, the provider is at work",
    arm: ({ project }) => {
      project.hold("create-two-v1");
      return {
        reached: until("the provider works", () => hasLine(project, "started", "two")),
        release: () => project.release("create-two-v1"),
      };
    },
    ends: { ...inUpdate, provider: FAILED },
  },
  {
    id: "K9",
    title: "the provider has returned, the outcome is not stored",
    arm: ({ bed, project }) => {
      project.hold("create-two-v1");
      let trap: ReturnType<typeof bed.http.trap> | undefined;
      const reach = async (): Promise<void> => {
        await until("the provider works", () => hasLine(project, "started", "two"));
        trap = bed.http.trap({
          match: (method, path) => method === "PATCH" && path.endsWith("/journalentries"),
          side: "request",
        });
        project.release("create-two-v1");
        await until(
          "the outcome is being sent",
          () => hasLine(project, "finished", "two") && trap?.hasSprung === true,
        );
      };
      return {
        reached: reach(),
        release: () => {
          project.release("create-two-v1");
          trap?.release();
        },
      };
    },
    ends: { ...inUpdate, provider: [...GOOD, ...FAILED] },
  },
  {
    id: "K10",
    title: "the last outcome is stored, the update is not complete",
    arm: ({ bed }) => {
      const trap = bed.http.trap({
        match: (method, path) => method === "POST" && /\/update\/[^/]+\/complete$/u.test(path),
        side: "request",
      });
      return { reached: within("the update is being completed", trap.sprung), release: trap.release };
    },
    ends: {
      server: GOOD,
      postgres: GOOD,
      worker: DONE,
      host: DONE,
      guardian: DONE,
      runner: DONE,
      pulumi: FAILED,
      "frozen-worker": DONE,
      "stalled-worker": DONE,
    },
  },
  {
    id: "K11",
    title: "the engine has ended, the result is not stored",
    arm: ({ bed }) => atWorkerStatement(bed, { match: RECORDS_RELEASE, side: "request" }),
    ends: afterUpdate,
  },
  {
    id: "K12",
    title: "the result is stored, nobody has been told",
    arm: ({ bed }) => atWorkerStatement(bed, { match: RECORDS_RELEASE, committed: true, side: "reply" }),
    ends: { server: GOOD, postgres: GOOD, worker: GOOD, host: GOOD, "frozen-worker": GOOD },
  },
];

type Where = Parameters<Bed["serverStatements"]["trap"]>[0];

function atServerStatement(bed: Bed, where: Where): Stand {
  const trap = bed.serverStatements.trap(where);
  return { reached: within(String(where.match), trap.sprung), release: trap.release };
}

/** Whichever worker comes there first; the others go on. `isIt` tells whether a statement that has come back was the one. */
function atWorkerStatement(bed: Bed, where: Where, isIt?: () => Promise<boolean>): Stand {
  type Trap = ReturnType<typeof bed.serverStatements.trap>;
  let isOver = false;
  let first: Trap | undefined;
  const traps = new Set<Trap>();
  const arm = async (proxy: Bed["serverStatements"]): Promise<void> => {
    while (!isOver && first === undefined) {
      const trap = proxy.trap(where);
      traps.add(trap);
      await trap.sprung;
      if (isIt === undefined || isOver || (await isIt())) {
        // Whoever comes there later must go on: the others take over what the first one leaves behind.
        first ??= trap;
        for (const other of traps) if (other !== first) other.release();
        return;
      }
      trap.release();
      traps.delete(trap);
    }
  };
  return {
    reached: within(String(where.match), Promise.race(bed.workerStatements.map(arm))),
    release: () => {
      isOver = true;
      for (const trap of traps) trap.release();
    },
  };
}

/** A claim that found nothing is the same statement as one that did. */
function claimedOne(bed: Bed): () => Promise<boolean> {
  return async () => (await bed.rows("select 1 from attempts where status = 'claimed'")).length > 0;
}

function hasLine(project: WitnessProject, kind: string, name: string): boolean {
  return project.lines().some((line) => line.kind === kind && line.name === name);
}

async function until(what: string, probe: () => boolean): Promise<void> {
  await eventually(what, REACH_MS, probe);
}

async function within(what: string, promise: Promise<unknown>): Promise<void> {
  const timer = new AbortController();
  const late = pause(REACH_MS, undefined, { signal: timer.signal }).then(
    () => {
      throw new Error(`not within ${REACH_MS} ms: ${what}`);
    },
    // Aborted: the other one was first.
    () => {},
  );
  await Promise.race([promise, late]).finally(() => timer.abort());
}
