import { readFileSync, watchFile } from "node:fs";

/*
 * Given to Node by --import: the wall clock of this process is as many milliseconds ahead of the machine's as the file SLIPWAY_TEST_CLOCK says, from soon after it
 * says so. Monotonic time stays what it is.
 */
const file = process.env.SLIPWAY_TEST_CLOCK ?? "";
const LOOK_EVERY_MS = 100;
const RealDate = Date;
let aheadMs = 0;

const look = (): void => {
  aheadMs = Number(readFileSync(file, "utf8")) || 0;
};
look();
watchFile(file, { interval: LOOK_EVERY_MS, persistent: false }, look);

globalThis.Date = new Proxy(RealDate, {
  construct: (target, given: ConstructorParameters<DateConstructor>) =>
    (given as readonly unknown[]).length === 0 ? new target(target.now() + aheadMs) : new target(...given),
  apply: (target) => new target(target.now() + aheadMs).toString(),
  get: (target, name, receiver) =>
    name === "now" ? () => target.now() + aheadMs : (Reflect.get(target, name, receiver) as unknown),
});
