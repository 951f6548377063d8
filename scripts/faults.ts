/**
 * `npm run faults -- --trials N [--seed S] [--only point,victim] [--json]`: kills real processes at chosen moments and holds the rules of the
 * fault page against what is left. `--controls` takes protections away and fails when that shows nothing.
 */
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { runFaults } from "../test/faults/run.ts";

const { values } = parseArgs({
  options: {
    trials: { type: "string", default: "20" },
    seed: { type: "string" },
    only: { type: "string", multiple: true, default: [] },
    json: { type: "boolean", default: false },
    controls: { type: "boolean", default: false },
  },
});
const stopping = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => stopping.abort());
const MOST_SEEDS = 2 ** 31;
process.exitCode = await runFaults({
  trials: Number(values.trials),
  seed: values.seed === undefined ? randomInt(MOST_SEEDS) : Number(values.seed),
  only: values.only.flatMap((one) => one.split(",")),
  json: values.json,
  controls: values.controls,
  signal: stopping.signal,
  say: (line) => process.stdout.write(`${line}\n`),
});
