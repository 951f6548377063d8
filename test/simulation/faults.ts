import { startServer } from "./server.ts";
import type { System } from "./system.ts";
import { record } from "./system.ts";
import { startWorker } from "./worker.ts";
import type { Machine, Process } from "./world.ts";

const HOUR_MS = 3_600_000;

/** Where things can break. */
export interface Places {
  system: System;
  workerMachines: readonly Machine[];
  serverMachines: readonly Machine[];
}

type Fault = (places: Places) => void;

/** Breaks things at random times until `until`; from then on everything is whole again. */
export function breakThings(places: Places, until: number): void {
  const { system } = places;
  const { world } = system;
  const { random } = world;
  const count = random.between(0, 9);
  for (let index = 0; index < count; index += 1) {
    const fault = random.pick(FAULTS);
    world.after(random.between(500, until - 1_000), () => fault(places));
  }
  world.after(until, () => makeWhole(places));
}

const FAULTS: readonly Fault[] = [
  killWorker,
  killWorker,
  pauseWorker,
  pauseWorker,
  killMachine,
  killServer,
  pauseServer,
  killEngine,
  restartDatabase,
  swizzle,
  swizzle,
  loseReplies,
  loseReplies,
  slowDown,
  fadeOut,
  fadeOut,
  moveClocks,
  receiversDown,
];

function tell({ system }: Places, what: string): void {
  record(system, "fault", { kind: "fault", what });
}

function replaceLater(places: Places, dead: Process, replace: () => void): void {
  const { world } = places.system;
  tell(places, `${dead.name} is killed`);
  world.kill(dead);
  world.after(world.random.between(200, 25_000), replace);
}

function killWorker(places: Places): void {
  const { system } = places;
  const worker = system.world.random.pick(system.workers);
  if (!worker.alive) return;
  replaceLater(places, worker, () => replaceWorker(system, worker));
}

function replaceWorker(system: System, dead: Process): void {
  system.workers[system.workers.indexOf(dead)] = startWorker(system, dead.machine);
}

function replaceServer(system: System, dead: Process): void {
  system.servers[system.servers.indexOf(dead)] = startServer(system, dead.machine);
}

function killServer(places: Places): void {
  const { system } = places;
  const server = system.world.random.pick(system.servers);
  if (!server.alive) return;
  replaceLater(places, server, () => replaceServer(system, server));
}

/** SIGSTOP, often for longer than a lease lasts. */
function pauseOneOf(places: Places, processes: readonly Process[]): void {
  const { world } = places.system;
  const process = world.random.pick(processes);
  if (!process.alive || process.paused) return;
  const ms = world.random.between(500, 40_000);
  tell(places, `${process.name} is stopped for ${ms} ms`);
  world.pause(process);
  world.after(ms, () => world.goOn(process));
}

function pauseWorker(places: Places): void {
  pauseOneOf(places, places.system.workers);
}

function pauseServer(places: Places): void {
  pauseOneOf(places, places.system.servers);
}

/** Power goes: worker, guardians and engines of one machine at once. */
function killMachine(places: Places): void {
  const { system } = places;
  const machine = system.world.random.pick(places.workerMachines);
  tell(places, `${machine.name} loses its power`);
  for (const engine of system.engines) if (engine.machine === machine) system.world.kill(engine);
  for (const worker of system.workers) {
    if (worker.machine === machine && worker.alive)
      replaceLater(places, worker, () => replaceWorker(system, worker));
  }
}

/** The engine or its guardian alone. */
function killEngine(places: Places): void {
  const { system } = places;
  const alive = [...system.engines].filter((one) => one.alive);
  if (alive.length === 0) return;
  const engine = system.world.random.pick(alive);
  tell(places, `${engine.name} is killed`);
  system.world.kill(engine);
}

function restartDatabase(places: Places): void {
  const { system } = places;
  const ms = system.world.random.between(200, 12_000);
  tell(places, `the database is down for ${ms} ms`);
  system.database.isUp = false;
  system.world.after(ms, () => {
    system.database.isUp = true;
  });
}

/** Connections stop one by one and come back in another order, each direction by itself. */
function swizzle(places: Places): void {
  const { system } = places;
  const { world } = system;
  const { random } = world;
  const machines = [
    ...places.workerMachines,
    ...places.serverMachines,
    system.outside,
    system.database.machine,
  ];
  const all = machines.flatMap((from) => machines.filter((to) => to !== from).map((to) => ({ from, to })));
  const chosen = random.shuffled(all).slice(0, random.between(1, Math.min(10, all.length)));
  let at = 0;
  for (const { from, to } of chosen) {
    at += random.between(0, 2_000);
    world.after(at, () => {
      if (system.isCalm) return;
      tell(places, `nothing goes from ${from.name} to ${to.name}`);
      world.link(from, to).stopped = true;
    });
  }
  for (const { from, to } of random.shuffled(chosen)) {
    at += random.between(0, 5_000);
    world.after(at, () => world.restore(world.link(from, to)));
  }
}

/** What was done is done, but nobody hears so. */
function loseReplies(places: Places): void {
  const { network, random, after } = places.system.world;
  const ms = random.between(1_000, 15_000);
  tell(places, `replies are lost for ${ms} ms`);
  network.lostReplies = random.pick([0.1, 0.3, 0.6]);
  after(ms, () => {
    network.lostReplies = 0;
  });
}

function slowDown(places: Places): void {
  const { network, random, after } = places.system.world;
  const ms = random.between(1_000, 15_000);
  tell(places, `the network is slow for ${ms} ms`);
  network.latencyMs = random.between(200, 3_500);
  after(ms, () => {
    network.latencyMs = 5;
  });
}

/** A connection gets slow before it breaks: answers come late, and then none. */
function fadeOut(places: Places): void {
  const { system, workerMachines } = places;
  const { world, database } = system;
  const machine = world.random.pick(workerMachines);
  const fadingMs = world.random.between(2_000, 8_000);
  world.network.latencyMs = 3_500;
  tell(places, `the network is slow for ${fadingMs} ms`);
  world.after(fadingMs, () => {
    world.network.latencyMs = 5;
    if (system.isCalm) return;
    tell(places, `${machine.name} and the database do not hear each other`);
    const links = [world.link(machine, database.machine), world.link(database.machine, machine)];
    for (const link of links) link.stopped = true;
    world.after(world.random.between(2_000, 30_000), () => {
      for (const link of links) world.restore(link);
    });
  });
}

function moveClocks(places: Places): void {
  const { random } = places.system.world;
  const machine = random.pick([...places.workerMachines, ...places.serverMachines]);
  machine.skewMs = random.between(-2 * HOUR_MS, 2 * HOUR_MS);
  tell(places, `the clock of ${machine.name} is wrong by ${machine.skewMs} ms`);
}

function receiversDown(places: Places): void {
  const { system } = places;
  const receiver = system.world.random.pick(Object.values(system.receivers));
  tell(places, "a receiver of messages is down");
  receiver.isUp = false;
  system.world.after(system.world.random.between(1_000, 60_000), () => {
    receiver.isUp = true;
  });
}

function makeWhole(places: Places): void {
  const { system, workerMachines, serverMachines } = places;
  const { world } = system;
  tell(places, "everything is whole again");
  system.isCalm = true;
  system.database.isUp = true;
  world.network.latencyMs = 5;
  world.network.lostReplies = 0;
  const machines = [...workerMachines, ...serverMachines, system.outside, system.database.machine];
  for (const from of machines)
    for (const to of machines) if (from !== to) world.restore(world.link(from, to));
  for (const process of [...system.workers, ...system.servers]) {
    world.goOn(process);
  }
  for (const receiver of Object.values(system.receivers)) receiver.isUp = true;
}
