import { z } from "zod";
import type { Gate, MetricCheck } from "../contract/gates.ts";
import { addressOf, appendPath, fill } from "./address.ts";
import { describeThresholds, judge, thresholdsOf } from "./comparison.ts";
import type { HttpAnswer } from "./http-answer.ts";
import { describeBody, getOnce, parseJson } from "./http-answer.ts";
import type { Look, Surroundings } from "./look.ts";
import { cannotStart } from "./look.ts";
import { windowSeconds } from "./query-window.ts";

/** A server whose clock is further away than this answers about another time than the one that was asked about. */
const MAX_SKEW_SECONDS = 5;
/** The Date header knows whole seconds only. */
const DATE_GRAIN_SECONDS = 1;
const MAX_SERIES_SHOWN = 200;

const Sample = z.tuple([z.number(), z.string()]);
/** https://prometheus.io/docs/prometheus/latest/querying/api/: an instant query's answer. */
const Answer = z.discriminatedUnion("status", [
  z.object({
    status: z.literal("success"),
    data: z.discriminatedUnion("resultType", [
      z.object({ resultType: z.literal("scalar"), result: Sample }),
      z.object({
        resultType: z.literal("vector"),
        result: z.array(z.object({ metric: z.record(z.string(), z.string()), value: Sample })),
      }),
      z.object({ resultType: z.enum(["matrix", "string", "histogram"]) }),
    ]),
  }),
  z.object({ status: z.literal("error"), errorType: z.string(), error: z.string() }),
]);

interface Value {
  series: string;
  at: number;
  value: number;
}

/**
 * Asks a Prometheus for one value, by its own clock, so that a clock that differs is seen. Several series are each held against the thresholds, and the worst decides. A server that is
 * down, slow or not a Prometheus is an error: it says nothing about what it watches. Never throws.
 */
export async function measureMetric(
  check: MetricCheck,
  { noData, timeoutSeconds }: Pick<Gate, "noData" | "timeoutSeconds">,
  surroundings: Surroundings,
): Promise<Look> {
  const address = addressOf(check, surroundings);
  if ("look" in address) return address.look;
  const window = windowSeconds(check, surroundings.updateEndedAtMs, surroundings.nowMs());
  const query = fill(check.query, surroundings, quoteForQuery, window);
  if ("look" in query) return query.look;
  const { url } = address;
  appendPath(url, "/api/v1/query");
  url.search = new URLSearchParams({ query: query.text, timeout: `${timeoutSeconds}s` }).toString();

  const askedAtMs = surroundings.nowMs();
  const answer = await getOnce(url, timeoutSeconds * 1000, surroundings.signal);
  const answeredAtMs = surroundings.nowMs();
  const server = `the metric server ${url.origin}`;
  if (!("status" in answer)) {
    return {
      verdict: "error",
      detail: `${server}${answer.timedOut ? "" : ":"} ${answer.reason}`,
      value: null,
    };
  }
  const parsed = Answer.safeParse(parseJson(answer.body));
  if (!parsed.success)
    return {
      verdict: "error",
      detail: `${server} answered ${answer.status}, but ${notOne(answer)}`,
      value: null,
    };
  if (parsed.data.status === "error") {
    const { errorType, error } = parsed.data;
    const detail = `${server} refused the query: ${error}`;
    return errorType === "bad_data" ? cannotStart(detail) : { verdict: "error", detail, value: null };
  }
  const { data } = parsed.data;
  if (data.resultType !== "scalar" && data.resultType !== "vector") {
    return cannotStart(
      `the query answers a ${data.resultType}; a gate needs one value of now: a scalar or an instant vector`,
    );
  }
  const values = valuesOf(data);
  const skew = skewOf(values, answer, askedAtMs / 1000, answeredAtMs / 1000);
  if (skew !== 0) {
    const detail = `the clock of ${server} is ${Math.abs(Math.round(skew))} s ${skew > 0 ? "ahead" : "behind"}: its values are not of now`;
    return { verdict: "error", detail, value: null };
  }
  return worstOf(values, check, noData ?? "inconclusive", query.text);
}

function worstOf(
  values: readonly Value[],
  check: MetricCheck,
  noData: "pass" | "fail" | "inconclusive",
  query: string,
): Look {
  const thresholds = thresholdsOf(check);
  const judged = values.map((one) => ({
    ...one,
    verdict: Number.isNaN(one.value) ? noData : judge(one.value, thresholds),
  }));
  const worst =
    judged.find(({ verdict }) => verdict === "fail") ??
    judged.find(({ verdict }) => verdict === "inconclusive") ??
    judged[0];
  if (worst === undefined) return { verdict: noData, detail: `no data: ${query} has no value`, value: null };
  if (Number.isNaN(worst.value)) {
    return { verdict: worst.verdict, detail: `no data: ${query}${worst.series} is NaN`, value: null };
  }
  const detail = `${query}${worst.series} is ${worst.value}; ${describeThresholds(thresholds)}`;
  return { verdict: worst.verdict, detail, value: Number.isFinite(worst.value) ? worst.value : null };
}

function valuesOf(
  data:
    | { resultType: "scalar"; result: [number, string] }
    | { resultType: "vector"; result: { metric: Record<string, string>; value: [number, string] }[] },
): Value[] {
  if (data.resultType === "scalar") {
    const [at, value] = data.result;
    return [{ series: "", at, value: numberOf(value) }];
  }
  return data.result.map(({ metric, value: [at, value] }) => {
    const labels = Object.entries(metric).map(([name, text]) => `${name}=${JSON.stringify(text)}`);
    const series = data.result.length === 1 ? "" : ` of {${labels.join(",")}}`.slice(0, MAX_SERIES_SHOWN);
    return { series, at, value: numberOf(value) };
  });
}

/** Prometheus writes numbers as Go does. */
function numberOf(text: string): number {
  if (text === "+Inf" || text === "Inf") return Number.POSITIVE_INFINITY;
  if (text === "-Inf") return Number.NEGATIVE_INFINITY;
  return text.trim() === "" ? Number.NaN : Number(text);
}

/** Seconds by which the server's clock is ahead (positive) or behind of ours; 0 while nobody can say more than that they agree. */
function skewOf(
  values: readonly Value[],
  { headers }: HttpAnswer,
  fromSeconds: number,
  toSeconds: number,
): number {
  const at = values[0]?.at;
  const dated = at === undefined ? Date.parse(headers.get("date") ?? "") / 1000 : at;
  if (Number.isNaN(dated)) return 0;
  const allowed = MAX_SKEW_SECONDS + (at === undefined ? DATE_GRAIN_SECONDS : 0);
  if (dated > toSeconds + allowed) return dated - toSeconds;
  if (dated < fromSeconds - allowed) return dated - fromSeconds;
  return 0;
}

function notOne(answer: HttpAnswer): string {
  return parseJson(answer.body) === undefined ? describeBody(answer) : "not as a Prometheus does";
}

/** A value becomes part of a string of the query and can end none. */
function quoteForQuery(value: string): string {
  return JSON.stringify(value).slice(1, -1).replaceAll("'", "\\x27").replaceAll("`", "\\x60");
}
