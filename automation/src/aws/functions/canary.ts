import { GetMetricDataCommand, type MetricDataQuery } from "@aws-sdk/client-cloudwatch";
import { systemClock } from "../../clock.ts";
import type { CanaryPlan } from "../../contract/aws/ship.ts";
import { messageOf, SlipwayError } from "../../errors.ts";
import { atOnce } from "../at-once.ts";
import { ask, type Shipping } from "../shipping.ts";
import { pause } from "../wait-until.ts";
import { setAlias } from "./aliases.ts";
import { smokeCall } from "./smoke.ts";

/** A function that changes from one version to another. */
export interface Move {
  name: string;
  from: string;
  to: string;
  revision: string | undefined;
}

const MS = 1_000;
const MINUTE_SECONDS = 60;
/** CloudWatch takes 500 queries in one request, and each function needs two. */
const FUNCTIONS_A_REQUEST = 250;

/**
 * Gives the new versions a rising share of the calls and watches them. Answers the moves with the revisions of the aliases as they are then: at the old version, with the last share at the new one. Throws
 * `canary_stopped` as soon as a look finds them bad; the caller puts the aliases back.
 */
export async function runCanary(
  shipping: Shipping,
  plan: CanaryPlan,
  moves: readonly Move[],
): Promise<Move[]> {
  const begunAt = systemClock.now();
  let current = [...moves];
  for (const percent of plan.steps) {
    current = await atOnce(current, shipping.limits.functionsAtOnce, async (move) => {
      const declared = declaredOf(shipping, move);
      const shared = { version: move.to, share: percent / 100 };
      const { revision } = await setAlias(shipping, declared, move.from, move.revision, shared);
      return { ...move, revision };
    });
    shipping.tell(`canary: ${percent} % of the calls for ${plan.holdSeconds} seconds`);
    await watch(shipping, plan, current, percent, begunAt);
  }
  return current;
}

async function watch(
  shipping: Shipping,
  plan: CanaryPlan,
  moves: readonly Move[],
  percent: number,
  begunAt: Date,
): Promise<void> {
  const endMs = systemClock.monotonicMs() + plan.holdSeconds * MS;
  for (;;) {
    const leftSeconds = Math.max(0, endMs - systemClock.monotonicMs()) / MS;
    await pause(Math.min(plan.everySeconds, leftSeconds), shipping.signal);
    // The last look is at the end of the step, so that also a step which is shorter than the interval has one.
    const bad = await lookAt(shipping, plan.watch, moves, begunAt);
    if (bad !== undefined) {
      throw new SlipwayError(
        "canary_stopped",
        `The canary was stopped at ${percent} % of the calls: ${bad}`,
        {
          remedy: "Read the function's logs, correct it, and deploy again.",
        },
      );
    }
    if (systemClock.monotonicMs() >= endMs) return;
  }
}

/** What is wrong with the new versions; undefined while nothing is. */
async function lookAt(
  shipping: Shipping,
  watch: CanaryPlan["watch"],
  moves: readonly Move[],
  begunAt: Date,
): Promise<string | undefined> {
  if (watch.by === "metrics") return lookAtMetrics(shipping, watch.maxErrorShare, moves, begunAt);
  try {
    await atOnce(moves, shipping.limits.functionsAtOnce, (move) =>
      smokeCall(shipping, declaredOf(shipping, move), move.to),
    );
    return undefined;
  } catch (thrown) {
    if (thrown instanceof SlipwayError && thrown.code === "smoke_failed") return messageOf(thrown);
    throw thrown;
  }
}

async function lookAtMetrics(
  shipping: Shipping,
  maxErrorShare: number,
  moves: readonly Move[],
  begunAt: Date,
): Promise<string | undefined> {
  for (let first = 0; first < moves.length; first += FUNCTIONS_A_REQUEST) {
    const some = moves.slice(first, first + FUNCTIONS_A_REQUEST);
    const sums = await sumsOf(shipping, some, begunAt);
    for (const [index, { name, to }] of some.entries()) {
      const calls = sums.get(`calls${index}`) ?? 0;
      const errors = sums.get(`errors${index}`) ?? 0;
      if (calls > 0 && errors / calls > maxErrorShare) {
        return `${errors} of ${calls} calls of version ${to} of function ${name} failed.`;
      }
    }
  }
  return undefined;
}

async function sumsOf(
  shipping: Shipping,
  moves: readonly Move[],
  begunAt: Date,
): Promise<Map<string, number>> {
  const sums = new Map<string, number>();
  let NextToken: string | undefined;
  do {
    const page = await ask(
      shipping,
      { operation: "cloudwatch:GetMetricData", resource: "the metrics of the new versions" },
      (options) =>
        shipping.cloudWatch.send(
          new GetMetricDataCommand({
            // Whole minutes, as CloudWatch keeps them.
            StartTime: new Date(Math.floor(begunAt.getTime() / MS / MINUTE_SECONDS) * MINUTE_SECONDS * MS),
            EndTime: new Date(systemClock.now().getTime() + MINUTE_SECONDS * MS),
            MetricDataQueries: moves.flatMap((move, index) => queriesOf(shipping, move, index)),
            ...(NextToken === undefined ? {} : { NextToken }),
          }),
          options,
        ),
    );
    for (const { Id = "", Values = [] } of page.MetricDataResults ?? []) {
      sums.set(
        Id,
        Values.reduce((sum, value) => sum + value, sums.get(Id) ?? 0),
      );
    }
    NextToken = page.NextToken;
  } while (NextToken !== undefined);
  return sums;
}

/** Calls and errors of the one version that the alias is shared with, whichever way the calls came. */
function queriesOf(shipping: Shipping, move: Move, index: number): MetricDataQuery[] {
  const declared = declaredOf(shipping, move);
  const query = (id: string, MetricName: string): MetricDataQuery => ({
    Id: `${id}${index}`,
    ReturnData: true,
    MetricStat: {
      Metric: {
        Namespace: "AWS/Lambda",
        MetricName,
        Dimensions: [
          { Name: "FunctionName", Value: declared.name },
          { Name: "Resource", Value: `${declared.name}:${declared.alias}` },
          { Name: "ExecutedVersion", Value: move.to },
        ],
      },
      Period: MINUTE_SECONDS,
      Stat: "Sum",
    },
  });
  return [query("calls", "Invocations"), query("errors", "Errors")];
}

function declaredOf({ manifest }: Shipping, { name }: Move): Shipping["manifest"]["functions"][string] {
  const declared = manifest.functions[name];
  if (declared === undefined)
    throw new SlipwayError("functions_mismatch", `The stack has no function ${name}.`);
  return declared;
}
