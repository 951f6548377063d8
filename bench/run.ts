/**
 * `npm run bench -- <name> [--pairs N]`: measures one figure, prints a table and closing `name: value (limit L)` lines,
 * and ends with exit code 1 when one is beyond its limit.
 */
import { parseArgs } from "node:util";
import type { Figure } from "./figure.ts";
import { measureOverhead } from "./overhead.ts";
import { measureStart } from "./start.ts";

const BENCHES: Record<string, (pairs: number | undefined) => Promise<Figure[]>> = {
  overhead: measureOverhead,
  start: measureStart,
};

const { values, positionals } = parseArgs({
  options: { pairs: { type: "string" } },
  allowPositionals: true,
});
const name = positionals[0] ?? "";
const bench = BENCHES[name];
if (bench === undefined) {
  console.error(`There is no bench "${name}". Choose one of: ${Object.keys(BENCHES).join(", ")}.`);
  process.exit(2);
}
const pairs = values.pairs === undefined ? undefined : Number(values.pairs);
const figures = await bench(pairs);
for (const figure of figures) console.log(`${figure.name}: ${figure.text} (limit ${figure.limitText})`);
process.exit(figures.every((figure) => figure.value <= figure.limit) ? 0 : 1);
