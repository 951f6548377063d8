import { isTerminal } from "../../automation/src/deployments/rules.ts";
import { startClient, startOperator } from "./clients.ts";
import { DESTINATIONS } from "./delivery-statements.ts";
import { breakThings } from "./faults.ts";
import type { Entry } from "./history.ts";
import { openRandom } from "./random.ts";
import type { Rules } from "./rules.ts";
import { startServer } from "./server.ts";
import type { Store } from "./store.ts";
import { openStore } from "./store.ts";
import type { System } from "./system.ts";
import { startWorker } from "./worker.ts";
import type { Machine } from "./world.ts";
import { openWorld } from "./world.ts";

/** What one seed came to. */
export interface Run {
  history: readonly Entry[];
  store: Store;
  /** Whether everything had ended when time was up. */
  isOver: boolean;
}

/** From the last fault on, all must have ended within this time: leases, holds, approvals and deliveries included. */
const LONGEST_CALM_MS = 1_800_000;

/** Runs an installation with everything that the seed does to it. */
export function runSeed(seed: number, rules: Rules): Run {
  const random = openRandom(seed);
  const world = openWorld(random);
  const store = openStore();
  const machine = (name: string): Machine => ({ name, skewMs: 0 });
  const workerMachines = names("worker machine", random.between(1, 3)).map(machine);
  const serverMachines = names("server machine", random.between(1, 2)).map(machine);
  for (const one of [...workerMachines, ...serverMachines]) one.skewMs = random.between(-3_000, 3_000);
  let watching = false;
  const system: System = {
    world,
    rules,
    store,
    database: { machine: machine("database"), isUp: true },
    servers: [],
    workers: [],
    engines: new Set(),
    outside: machine("outside"),
    receivers: Object.fromEntries(DESTINATIONS.map((destination) => [destination, { isUp: true }])),
    history: [],
    hints: new Set(),
    isCalm: false,
    isOver: () => watching && system.isCalm && isQuiet(store),
    programs: {
      ignoreInterrupts: random.pick([0, 0.2]),
      gatesFail: random.pick([0, 0.3]),
      crash: random.pick([0, 0, 0.1]),
    },
    names: {},
  };
  const stacks = names("stack", random.between(1, 3));
  for (const [index, id] of stacks.entries()) {
    store.tables.stacks.set(id, {
      id,
      projectId: "project",
      nextNumber: 1,
      serial: 1,
      goodReleases: random.between(0, 1),
      needsApproval: index > 0 && random.chance(0.6),
      rules: random.pick([
        [],
        [{ id: "two", need: 2, members: new Set(["ann", "bea", "cem"]) }],
        [
          { id: "one", need: 1, members: new Set(["ann", "bea"]) },
          { id: "other", need: 1, members: new Set(["bea", "dan"]) },
        ],
      ]),
    });
  }
  system.servers = serverMachines.map((one) => startServer(system, one));
  system.workers = workerMachines.map((one) => startWorker(system, one));
  for (let count = random.between(1, 3); count > 0; count -= 1) startClient(system);
  startOperator(system);
  const calmFrom = random.between(15_000, 70_000);
  breakThings({ system, workerMachines, serverMachines }, calmFrom);
  watching = true;
  let nextLook = 0;
  let over = false;
  world.run(calmFrom + LONGEST_CALM_MS, () => {
    if (!system.isCalm || world.now() < nextLook) return over;
    nextLook = world.now() + 1_000;
    over = isQuiet(store) && system.engines.size === 0 && areDelivered(store);
    return over;
  });
  return { history: system.history, store, isOver: over };
}

/** Every deployment has ended, and nobody holds a stack. */
function isQuiet({ tables }: Store): boolean {
  for (const { status } of tables.deployments.values()) if (!isTerminal(status)) return false;
  for (const { holder } of tables.writers.values()) if (holder !== null) return false;
  return true;
}

function areDelivered({ tables }: Store): boolean {
  for (const { status } of tables.deliveries.values()) if (status === "pending") return false;
  return true;
}

const names = (noun: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${noun} ${index + 1}`);
