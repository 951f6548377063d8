import type { ApprovalEvent } from "../../automation/src/approvals/rules.ts";
import type { DeploymentOperation } from "../../automation/src/contract/deployments.ts";
import { decideOn } from "./approval-statements.ts";
import * as queue from "./queue-statements.ts";
import * as statements from "./statements.ts";
import type { System } from "./system.ts";
import { askServer, name, record, transact } from "./system.ts";
import type { Process, Wait } from "./world.ts";
import { Away, sleep } from "./world.ts";

export const PEOPLE = ["ann", "bea", "cem", "dan"] as const;
const OPERATIONS: readonly DeploymentOperation[] = [
  "update",
  "update",
  "update",
  "update",
  "refresh",
  "preview",
  "rollback",
  "destroy",
];
const VERDICTS = ["approve", "approve", "approve", "approve", "reject"] as const;
const TRIES = 8;
const RETRY_MS = 1_500;
const DUTY_MS = 10_000;

/** Someone who asks for things until it is calm, and repeats what nobody answered with the same key. */
export function startClient(system: System): Process {
  const { world } = system;
  const { random } = world;
  const client = world.start(name(system, "client"), system.outside);
  world.spawn(client, function* wishes() {
    for (;;) {
      yield* sleep(world, random.between(200, 9_000));
      if (system.isCalm) return;
      yield* random.pick([requestOne, requestOne, requestOne, cancelOne, voteOne, voteOne, pauseOne])(
        system,
        client,
      );
    }
  });
  return client;
}

/**
 * Someone on duty, once it is calm: lets go on what is still paused. A pause that was asked for twice may come a second time after its end, and the product cannot know better.
 */
export function startOperator(system: System): void {
  const { world, store } = system;
  const operator = world.start("operator", system.outside);
  world.spawn(operator, function* duty() {
    for (;;) {
      yield* sleep(world, DUTY_MS);
      if (!system.isCalm) continue;
      for (const { id, isPaused } of [...store.tables.pauses.values()])
        if (isPaused) yield* resume(system, operator, id);
    }
  });
}

/** Asks a server, again and again; undefined when nobody ever answered. */
function* ask<T>(
  system: System,
  client: Process,
  what: string,
  work: Parameters<typeof transact<T>>[3],
): Wait<T | undefined> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    try {
      return yield* askServer(system, client, (server) => transact(system, server, what, work));
    } catch (error) {
      if (!(error instanceof Away)) throw error;
      yield* sleep(system.world, RETRY_MS);
    }
  }
  return undefined;
}

function* requestOne(system: System, client: Process): Wait {
  const { world, rules, store } = system;
  const key = name(system, "request");
  const stackId = world.random.pick([...store.tables.stacks.keys()]);
  const operation = world.random.pick(OPERATIONS);
  const by = world.random.pick(PEOPLE);
  const deploymentId = yield* ask(system, client, `${by} requests`, (trx) =>
    statements.request(trx, rules, { key, stackId, operation, by }),
  );
  if (deploymentId !== undefined)
    record(system, client.name, { kind: "answered", to: client.name, key, deploymentId });
}

function* cancelOne(system: System, client: Process): Wait {
  const { world, rules, store } = system;
  const open = [...store.tables.deployments.values()].filter(({ status }) =>
    ["queued", "running", "waiting_approval"].includes(status),
  );
  if (open.length === 0) return;
  const { id } = world.random.pick(open);
  const by = world.random.pick(PEOPLE);
  yield* ask(system, client, `${by} cancels`, (trx) => queue.cancel(trx, rules, id, by));
}

function* voteOne(system: System, client: Process): Wait {
  const { world, rules, store } = system;
  const { random } = world;
  const open = [...store.tables.approvals.values()].filter(
    ({ state }) => state === "open" || state === "approved",
  );
  if (open.length === 0) return;
  const { id, seal, requesters } = random.pick(open);
  // Those who may not vote try it too.
  const by = random.pick([...PEOPLE, ...PEOPLE, ...requesters]);
  const event: ApprovalEvent = random.chance(0.1)
    ? { kind: "withdraw", by }
    : {
        kind: "vote",
        vote: { by, verdict: random.pick(VERDICTS), seal: random.chance(0.9) ? seal : "another seal" },
        comment: "because",
      };
  yield* ask(system, client, `${by}: ${event.kind}`, (trx) => decideOn(trx, rules, id, event));
}

/** Stops a stack or the world, and lets it go on some time later, whoever stopped it. */
function* pauseOne(system: System, client: Process): Wait {
  const { world, store } = system;
  const id = world.random.pick([statements.EVERYTHING, ...store.tables.stacks.keys()]);
  const by = world.random.pick(PEOPLE);
  yield* ask(system, client, `${by} pauses ${id}`, (trx) => queue.setPause(trx, id, true, by));
  yield* sleep(world, world.random.between(500, 15_000));
  yield* resume(system, client, id);
}

/** Insists: a pause that nobody ends would keep everything waiting. */
function* resume(system: System, client: Process, id: string): Wait {
  for (;;) {
    const done = yield* ask(system, client, `${id} goes on`, (trx) => {
      queue.setPause(trx, id, false, "operator");
      return true;
    });
    if (done === true) return;
  }
}
