/**
 * `npm run bench -- <name> [--pairs N] [--quick] [--parallel N] [--batch-period MS] [--deployments N]`: measures one figure, prints a table and closing
 * `name: value (limit L)` lines, and ends with exit code 1 when one is beyond its limit. What each option means to a bench says options.ts.
 */
import { parseArgs } from "node:util";
import { measureAws } from "./aws.ts";
import { measureAwsPreview } from "./aws-preview.ts";
import { measureContent } from "./content.ts";
import { measureEvents } from "./events.ts";
import type { Figure } from "./figure.ts";
import { measureList } from "./list.ts";
import type { BenchOptions } from "./options.ts";
import { measureOverhead } from "./overhead.ts";
import { measurePage } from "./page.ts";
import { measureQueue } from "./queue.ts";
import { measureRunnerSettings } from "./runner-settings.ts";
import { measureSeal } from "./seal.ts";
import { measureStart } from "./start.ts";
import { measureState } from "./state.ts";
import { wasStopped } from "./stopping.ts";
import { measureTakeover } from "./takeover.ts";
import { measureVerdict } from "./verdict.ts";
import { measureWriters } from "./writers.ts";

const BENCHES: Record<string, (options: BenchOptions) => Promise<Figure[]>> = {
  aws: measureAws,
  "aws-preview": measureAwsPreview,
  overhead: ({ pairs }) => measureOverhead(pairs),
  start: ({ pairs }) => measureStart(pairs),
  content: ({ pairs }) => measureContent(pairs),
  events: measureEvents,
  list: measureList,
  page: measurePage,
  queue: ({ pairs }) => measureQueue(pairs),
  "runner-settings": measureRunnerSettings,
  seal: measureSeal,
  state: measureState,
  takeover: measureTakeover,
  verdict: measureVerdict,
  writers: measureWriters,
};

const { values, positionals } = parseArgs({
  options: {
    pairs: { type: "string" },
    quick: { type: "boolean", default: false },
    parallel: { type: "string" },
    "batch-period": { type: "string" },
    deployments: { type: "string" },
  },
  allowPositionals: true,
});
const name = positionals[0] ?? "";
const bench = BENCHES[name];
if (bench === undefined) {
  console.error(`There is no bench "${name}". Choose one of: ${Object.keys(BENCHES).join(", ")}.`);
  process.exit(2);
}
const count = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : Number(text);
const EXIT_STOPPED = 130;
let figures: Figure[];
try {
  figures = await bench({
    pairs: count(values.pairs),
    quick: values.quick,
    parallel: count(values.parallel),
    batchPeriodMs: count(values["batch-period"]),
    deployments: count(values.deployments),
  });
} catch (error) {
  if (!wasStopped()) throw error;
  console.error("The bench was stopped.");
  process.exit(EXIT_STOPPED);
}
for (const figure of figures) console.log(`${figure.name}: ${figure.text} (limit ${figure.limitText})`);
process.exit(figures.every((figure) => figure.value <= figure.limit) ? 0 : 1);
