import type { Figure } from "./figure.ts";
import { median, printTable } from "./figure.ts";
import type { BenchOptions } from "./options.ts";
import { startStateBed } from "./state-bed.ts";
import { checkCount, journalRequests } from "./state-check.ts";
import { COUNT_VARIABLE } from "./state-program.ts";
import type { RunnerSettings, Side } from "./state-sides.ts";
import { prepareSides, RUNNER_SETTINGS } from "./state-sides.ts";
import { stopSignal } from "./stopping.ts";

/** As the CLI ships: 50 ms, four operations a core. */
const BATCH_PERIODS_MS = [1, 5, 10, 25, 50];
const PARALLEL = [4, 8, 16, 32];
const SMALL = 10;
const LARGE = 300;
const DEFAULT_ROUNDS = 3;
const QUICK_CHOICES = 3;
/** The product's choice may be so much slower than the best one that was measured: less is noise. */
const NEAR_BEST = 1.15;

/**
 * Creates small and large stacks on Slipway with each choice of PULUMI_JOURNALING_BATCH_PERIOD and --parallel in turns, and prints medians. Figures: how far what the runner uses
 * is from the best choice. One value is varied while the other stays as the runner has it.
 */
export async function measureRunnerSettings({ pairs, quick }: BenchOptions): Promise<Figure[]> {
  const signal = stopSignal();
  const bed = await startStateBed(signal);
  try {
    const { runner: side } = await prepareSides(bed, RUNNER_SETTINGS, { proxied: true });
    const choices = choicesToMeasure().slice(0, quick ? QUICK_CHOICES : undefined);
    const rounds = quick ? 1 : (pairs ?? DEFAULT_ROUNDS);
    const figures: Figure[] = [];
    for (const resources of [SMALL, LARGE]) {
      const seconds = new Map<string, number[]>();
      const sent = new Map<string, { requests: number; bytes: number }>();
      for (let round = 0; round < rounds; round += 1) {
        for (const choice of round % 2 === 0 ? choices : choices.toReversed()) {
          signal.throwIfAborted();
          const ran = await create(choice, resources);
          seconds.set(nameOf(choice), [...(seconds.get(nameOf(choice)) ?? []), ran.seconds]);
          sent.set(nameOf(choice), ran);
        }
      }
      const medians = new Map([...seconds].map(([name, values]) => [name, median(values)]));
      console.log(`${resources} resources, ${rounds} rounds`);
      printTable(
        ["batch period and parallel", "seconds", "journal requests", "journal KB"],
        [...medians].map(([name, value]) => [
          name,
          value.toFixed(2),
          String(sent.get(name)?.requests),
          ((sent.get(name)?.bytes ?? 0) / 1024).toFixed(0),
        ]),
      );
      const best = Math.min(...medians.values());
      const value = (medians.get(nameOf(RUNNER_SETTINGS)) ?? Number.NaN) / best;
      figures.push({
        name: `runner settings, create ${resources}, to the best choice`,
        value,
        limit: NEAR_BEST,
        text: `${value.toFixed(2)} x`,
        limitText: `${NEAR_BEST} x`,
      });
    }
    return figures;

    async function create(choice: RunnerSettings, resources: number) {
      const at = environmentOf(side, choice, resources);
      const named = ["--stack", side.stack];
      await bed.pulumi(["stack", "init", side.stack, "--no-select"], at);
      bed.api.take();
      const began = performance.now();
      const up = [
        "up",
        ...named,
        "--yes",
        "--skip-preview",
        "--refresh=false",
        `--parallel=${choice.parallel}`,
      ];
      await bed.pulumi(up, at);
      const ms = performance.now() - began;
      const journal = journalRequests(bed.api.take().requests);
      checkCount(await bed.pulumi(["stack", "export", ...named], at), resources, nameOf(choice));
      await bed.pulumi(["stack", "rm", "--force", "--yes", ...named], at);
      return {
        seconds: ms / 1_000,
        requests: journal.length,
        bytes: journal.reduce((sum, request) => sum + request.bytes, 0),
      };
    }
  } finally {
    await bed.stop();
  }
}

function choicesToMeasure(): RunnerSettings[] {
  const varied = [
    RUNNER_SETTINGS,
    ...BATCH_PERIODS_MS.map((batchPeriodMs) => ({ ...RUNNER_SETTINGS, batchPeriodMs })),
    ...PARALLEL.map((parallel) => ({ ...RUNNER_SETTINGS, parallel })),
  ];
  return [...new Map(varied.map((choice) => [nameOf(choice), choice])).values()];
}

function nameOf({ batchPeriodMs, parallel }: RunnerSettings): string {
  return `${batchPeriodMs} ms, ${parallel}`;
}

function environmentOf(side: Side, { batchPeriodMs }: RunnerSettings, resources: number) {
  const env = {
    ...side.env,
    PULUMI_JOURNALING_BATCH_PERIOD: String(batchPeriodMs),
    [COUNT_VARIABLE]: String(resources),
  };
  return { cwd: side.cwd, env };
}
