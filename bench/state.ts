import type { Figure } from "./figure.ts";
import { median, printTable } from "./figure.ts";
import { startInstantProxy } from "./instant-proxy.ts";
import type { BenchOptions } from "./options.ts";
import type { StateBed } from "./state-bed.ts";
import { startStateBed } from "./state-bed.ts";
import {
  checkAgainstOracle,
  checkCount,
  checkSameResources,
  journalRequests,
  oracleForBench,
} from "./state-check.ts";
import { COUNT_VARIABLE } from "./state-program.ts";
import type { Side, SideName } from "./state-sides.ts";
import { prepareSides, RUNNER_SETTINGS } from "./state-sides.ts";
import { stopSignal } from "./stopping.ts";

const OPERATIONS = ["create", "unchanged", "destroy"] as const;
type Operation = (typeof OPERATIONS)[number];

/**
 * What a run of a side is for. `timed`: the CLI speaks with the server itself, as the peers do with theirs. `counted`: through the proxies that count and record, whose own time (up to a
 * millisecond for each request) would be taken for the server's.
 */
type Purpose = "timed" | "counted";

/** One operation of one side. */
interface Measured {
  ms: number;
  /** Of Slipway only, and of a counted run, as are all that follow. */
  requests: number;
  journalRequests: number;
  journalBytes: number;
  /** Both directions, heads and events included. */
  wireBytes: number;
  walBytes: number;
}
type Measures = Map<string, Measured[]>;

const ALL: readonly SideName[] = ["shipped", "runner", "file", "floor", "postgres"];
/** Those that speak with a server. */
const COUNTED: readonly SideName[] = ["shipped", "runner", "postgres"];
const WITHOUT_POSTGRES: readonly SideName[] = ["shipped", "runner", "file", "floor"];
/** What is measured of which side. Above 300 resources postgres:// would write gigabytes for minutes. */
const PLAN: readonly { resources: number; sides: readonly SideName[] }[] = [
  { resources: 100, sides: ALL },
  { resources: 300, sides: ALL },
  { resources: 1_000, sides: WITHOUT_POSTGRES },
  { resources: 3_000, sides: ["runner"] },
];
const QUICK_PLAN: typeof PLAN = [{ resources: 100, sides: ALL }];
const DEFAULT_ROUNDS = 2;
const FLOOR_RATIO_LIMIT = 1.5;
/** Of a destroy, to what the CLI takes with a server that answers its writes at once: that alone is beyond the limit to the floor (docs/decisions/0014). */
const INSTANT_RATIO_LIMIT = 1.5;
const BOUND_RESOURCES = 1_000;
const FILE_FACTOR_LIMIT = 4;
const JOURNAL_BYTES_LIMIT = 1_536;
const GROWTH_LIMIT = 3.3;

/**
 * Creates, re-runs unchanged and destroys resources of 4 KB on Slipway (as the CLI ships, and as the runner sets it) and on the DIY backends, in turns, with all
 * of them on this machine and Postgres flushing to disk. Every state is compared with what Pulumi's replayer makes of the journal that went over the wire, and with the
 * peers'. Throws when any side fails. `quick`: 100 resources once, and only the limits that hold at that size.
 */
export async function measureState({
  pairs,
  quick,
  parallel,
  batchPeriodMs,
}: BenchOptions): Promise<Figure[]> {
  const signal = stopSignal();
  const oracle = await oracleForBench();
  const bed = await startStateBed(signal);
  const measures: Measures = new Map();
  try {
    const runner = {
      batchPeriodMs: batchPeriodMs ?? RUNNER_SETTINGS.batchPeriodMs,
      parallel: parallel ?? RUNNER_SETTINGS.parallel,
    };
    console.log(
      `runner: PULUMI_JOURNALING_BATCH_PERIOD=${runner.batchPeriodMs}, --parallel=${runner.parallel}`,
    );
    const sides = {
      timed: await prepareSides(bed, runner, { proxied: false }),
      counted: await prepareSides(bed, runner, { proxied: true }),
    };
    for (const { resources, sides: names } of quick ? QUICK_PLAN : PLAN) {
      const rounds = quick ? 1 : (pairs ?? DEFAULT_ROUNDS);
      for (let round = 0; round < rounds; round += 1) {
        const order = round % 2 === 0 ? names : names.toReversed();
        const states = new Map<SideName, string>();
        for (const name of order) {
          signal.throwIfAborted();
          states.set(
            name,
            await runSide(bed, sides.timed[name], { purpose: "timed", resources, oracle, measures }),
          );
        }
        if (round === 0) {
          for (const name of names.filter((one) => COUNTED.includes(one))) {
            const side = sides.counted[name];
            const state = await runSide(bed, side, { purpose: "counted", resources, oracle, measures });
            checkSameResources(states.get(name) ?? "", state, `${name} with and without counting proxies`);
          }
        }
        const [reference, ...others] = [...states.entries()];
        for (const [name, state] of others)
          checkSameResources(
            reference?.[1] ?? "",
            state,
            `${name} and ${reference?.[0] ?? ""}, ${resources} resources`,
          );
      }
      if (resources === BOUND_RESOURCES) {
        for (let round = 0; round < rounds; round += 1) await measureBound(bed, sides.timed.runner, measures);
      }
      print(measures, resources, names);
    }
    return quick
      ? journalFigures(measures, 100)
      : [...speedFigures(measures), ...journalFigures(measures, 1_000)];
  } finally {
    await bed.stop();
  }
}

/** One stack from its creation to its removal; answers its state when all was created. */
async function runSide(
  bed: StateBed,
  side: Side,
  {
    purpose,
    resources,
    oracle,
    measures,
  }: {
    purpose: Purpose;
    resources: number;
    oracle: Awaited<ReturnType<typeof oracleForBench>>;
    measures: Measures;
  },
): Promise<string> {
  const at = { cwd: side.cwd, env: { ...side.env, [COUNT_VARIABLE]: String(resources) } };
  const named = ["--stack", side.stack];
  const common = [...named, "--yes", "--skip-preview", ...side.arguments];
  const commands: Record<Operation, string[]> = {
    create: ["up", ...common, "--refresh=false"],
    unchanged: ["up", ...common, "--refresh=false", "--expect-no-changes"],
    destroy: ["destroy", ...common, "--refresh=false"],
  };
  await side.prepare();
  await bed.pulumi(["stack", "init", side.stack, "--no-select"], at);
  let base = await bed.pulumi(["stack", "export", ...named], at);
  let created = "";
  for (const operation of OPERATIONS) {
    const what = `${side.name}, ${resources} resources, ${operation}`;
    const key = keyOf(purpose, side.name, resources, operation);
    const requests = await measured(bed, side, measures, key, () => bed.pulumi(commands[operation], at));
    const state = await bed.pulumi(["stack", "export", ...named], at);
    checkCount(state, operation === "destroy" ? 0 : resources, what);
    if (side.isSlipway && purpose === "counted")
      await checkAgainstOracle(oracle, { base, requests, state, what });
    if (operation === "create") created = state;
    base = state;
  }
  await bed.pulumi(["stack", "rm", "--yes", ...named], at);
  return created;
}

/** How long the CLI itself takes to destroy, with a server that answers at once whatever is written during the update. The resources stay in the state, which is removed. */
async function measureBound(bed: StateBed, side: Side, measures: Measures): Promise<void> {
  const instant = await startInstantProxy(bed.installation.baseUrl);
  const at = { cwd: side.cwd, env: { ...side.env, [COUNT_VARIABLE]: String(BOUND_RESOURCES) } };
  const named = ["--stack", side.stack];
  const common = [...named, "--yes", "--skip-preview", ...side.arguments, "--refresh=false"];
  try {
    await bed.pulumi(["stack", "init", side.stack, "--no-select"], at);
    await bed.pulumi(["up", ...common], at);
    const env = { ...at.env, PULUMI_BACKEND_URL: instant.url };
    await bed.pulumi(["whoami"], { ...at, env });
    await measured(bed, side, measures, BOUND_KEY, () => bed.pulumi(["destroy", ...common], { ...at, env }));
    await bed.pulumi(["stack", "rm", "--yes", "--force", ...named], at);
  } finally {
    await instant.close();
  }
}

async function measured(
  bed: StateBed,
  side: Side,
  measures: Measures,
  key: string,
  work: () => Promise<unknown>,
) {
  bed.api.take();
  bed.postgres.take();
  const walBefore = await bed.walBytes();
  const began = performance.now();
  await work();
  const ms = performance.now() - began;
  const { requests, bytes } = bed.api.take();
  const journal = journalRequests(requests);
  const one: Measured = {
    ms,
    requests: requests.length,
    journalRequests: journal.length,
    journalBytes: journal.reduce((sum, request) => sum + request.bytes, 0),
    wireBytes: side.isSlipway ? bytes : bed.postgres.take().bytes,
    walBytes: (await bed.walBytes()) - walBefore,
  };
  measures.set(key, [...(measures.get(key) ?? []), one]);
  return requests;
}

const BOUND_KEY = `instant ${BOUND_RESOURCES} destroy`;

function keyOf(purpose: Purpose, side: SideName, resources: number, operation: Operation): string {
  return `${purpose} ${side} ${resources} ${operation}`;
}

function print(measures: Measures, resources: number, names: readonly SideName[]): void {
  console.log(`${resources} resources, medians`);
  printTable(
    ["side", "operation", "seconds", "requests", "journal", "journal KB", "wire KB", "WAL KB"],
    names.flatMap((name) =>
      OPERATIONS.map((operation) => {
        const at = (of: (one: Measured) => number): number =>
          middle(measures, keyOf("counted", name, resources, operation), of);
        const ms = middle(measures, keyOf("timed", name, resources, operation), (one) => one.ms);
        const isSlipway = name === "shipped" || name === "runner";
        const isRemote = isSlipway || name === "postgres";
        const kilobytes = (bytes: number): string => (bytes / 1024).toFixed(0);
        return [
          name,
          operation,
          (ms / 1_000).toFixed(2),
          isSlipway ? String(at((one) => one.requests)) : "-",
          isSlipway ? String(at((one) => one.journalRequests)) : "-",
          isSlipway ? kilobytes(at((one) => one.journalBytes)) : "-",
          isRemote ? kilobytes(at((one) => one.wireBytes)) : "-",
          isRemote ? kilobytes(at((one) => one.walBytes)) : "-",
        ];
      }),
    ),
  );
}

function middle(measures: Measures, key: string, of: (one: Measured) => number): number {
  return median((measures.get(key) ?? []).map(of));
}

function speedFigures(measures: Measures): Figure[] {
  const seconds = (side: SideName, resources: number, operation: Operation): number =>
    middle(measures, keyOf("timed", side, resources, operation), (one) => one.ms);
  const toFloor = (operation: Operation): number =>
    seconds("runner", 1_000, operation) / seconds("floor", 1_000, operation);
  const floors = (["create", "unchanged"] as const).map((operation): Figure => {
    const value = toFloor(operation);
    return {
      name: `state ${operation} 1000, runner to floor`,
      value,
      limit: FLOOR_RATIO_LIMIT,
      text: `${value.toFixed(2)} x`,
      limitText: `${FLOOR_RATIO_LIMIT} x`,
    };
  });
  const bound = middle(measures, BOUND_KEY, ({ ms }) => ms);
  const toBound = seconds("runner", 1_000, "destroy") / bound;
  console.log(
    `destroy of 1000: runner ${toFloor("destroy").toFixed(2)} x the floor; the CLI with a server that answers at once ${(bound / seconds("floor", 1_000, "destroy")).toFixed(2)} x`,
  );
  const factor = seconds("file", 1_000, "create") / seconds("shipped", 1_000, "create");
  const growth = seconds("runner", 3_000, "create") / seconds("runner", 1_000, "create");
  return [
    ...floors,
    {
      name: "state destroy 1000, runner to a server that answers at once",
      value: toBound,
      limit: INSTANT_RATIO_LIMIT,
      text: `${toBound.toFixed(2)} x`,
      limitText: `${INSTANT_RATIO_LIMIT} x`,
    },
    {
      name: "state create 1000, file:// to as shipped",
      // The figure holds when it is at most the limit; here more is better.
      value: -factor,
      limit: -FILE_FACTOR_LIMIT,
      text: `${factor.toFixed(1)} x faster`,
      limitText: `at least ${FILE_FACTOR_LIMIT} x faster`,
    },
    {
      name: "state create 3000 to 1000",
      value: growth,
      limit: GROWTH_LIMIT,
      text: `${growth.toFixed(2)} x`,
      limitText: `${GROWTH_LIMIT} x`,
    },
  ];
}

function journalFigures(measures: Measures, resources: number): Figure[] {
  return (["shipped", "runner"] as const).map((side) => {
    const key = keyOf("counted", side, resources, "create");
    const value = middle(measures, key, (one) => one.journalBytes) / resources;
    return {
      name: `state journal bytes for a created resource, ${side}`,
      value,
      limit: JOURNAL_BYTES_LIMIT,
      text: `${(value / 1024).toFixed(2)} KB`,
      limitText: `${JOURNAL_BYTES_LIMIT / 1024} KB`,
    };
  });
}
