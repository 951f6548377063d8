import { lapse } from "./approval-statements.ts";
import * as deliveries from "./delivery-statements.ts";
import type { Rows } from "./store.ts";
import type { System } from "./system.ts";
import { name, record, transact } from "./system.ts";
import type { Machine, Process, Wait } from "./world.ts";
import { Away, call, sleep } from "./world.ts";

const ROUND_MS = 3_000;

/** A server: what is asked of it runs by `askServer`; on its own it delivers messages and looks for approvals that lapse. Any number of them do the same. */
export function startServer(system: System, machine: Machine): Process {
  const { world, rules } = system;
  const server = world.start(name(system, "server"), machine);
  world.spawn(server, function* timers() {
    for (;;) {
      try {
        yield* transact(system, server, "approvals lapse", (trx) => lapse(trx, rules));
        while (yield* deliverOne(system, server));
      } catch (error) {
        if (!(error instanceof Away)) throw error;
      }
      yield* sleep(world, yield* pauseOf(system, server));
    }
  });
  return server;
}

function* deliverOne(system: System, server: Process): Wait<boolean> {
  const { world, rules } = system;
  const taken = yield* transact(system, server, "a delivery is taken", (trx) =>
    deliveries.takeDelivery(trx, rules),
  );
  if (taken === null) return false;
  const delivered = yield* post(system, server, taken);
  const random = world.random.fraction();
  yield* transact(system, server, "a delivery is recorded", (trx) =>
    deliveries.recordTry(trx, rules, taken, delivered, random),
  );
  return true;
}

/** Whether the receiver said that it has the message; it may have it although it said nothing. */
function* post(system: System, server: Process, delivery: Rows["deliveries"]): Wait<boolean> {
  const { world, rules, store } = system;
  const { destination, messageId, attempts } = delivery;
  const message = store.tables.messages.get(messageId);
  if (message === undefined) throw new Error(`there is no ${messageId}`);
  const id = rules.habits.deliversWithId ? messageId : `${messageId} (${attempts})`;
  try {
    return yield* call<boolean>(world, server, system.outside, (reply) => {
      if (system.receivers[destination]?.isUp !== true) return reply.value(false);
      record(system, server.name, { kind: "received", destination, id, about: message.about });
      return reply.value(true);
    });
  } catch (error) {
    if (error instanceof Away) return false;
    throw error;
  }
}

/** Nothing is skipped by sleeping until a delivery is due when all else is over. */
function* pauseOf(system: System, server: Process): Wait<number> {
  if (!system.isOver()) return ROUND_MS;
  const next = yield* transact(system, server, "read", deliveries.nextDelivery);
  return next === null ? ROUND_MS : Math.max(ROUND_MS, next - system.world.now());
}
