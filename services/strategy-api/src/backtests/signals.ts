import type { Parameters } from "../strategies/rules.ts";
import type { Algorithm } from "../templates/store.ts";

/** For each day: whether the strategy wants to hold the instrument, judged by closes up to and including that day. */
export function signals(algorithm: Algorithm, parameters: Parameters, closes: readonly number[]): boolean[] {
  switch (algorithm) {
    case "buy-and-hold":
      return closes.map(() => true);
    case "sma-cross":
      return movingAverageCross(closes, need(parameters, "fastDays"), need(parameters, "slowDays"));
    case "momentum":
      return momentum(closes, need(parameters, "lookbackDays"), need(parameters, "thresholdPercent") / 100);
    case "rsi-reversion":
      return rsiReversion(
        closes,
        need(parameters, "periodDays"),
        need(parameters, "buyBelow"),
        need(parameters, "sellAbove"),
      );
  }
}

/** The mean of the last `days` values at each place; undefined until there are so many. */
export function movingAverage(values: readonly number[], days: number): (number | undefined)[] {
  return values.map((_, index) => {
    if (index + 1 < days) return undefined;
    const window = values.slice(index + 1 - days, index + 1);
    return window.reduce((sum, value) => sum + value, 0) / days;
  });
}

/** Wilder's relative strength index, 0 to 100, at each place; undefined for the first `days`. No movement counts as 50. */
export function relativeStrength(closes: readonly number[], days: number): (number | undefined)[] {
  let gain = 0;
  let loss = 0;
  let previous: number | undefined;
  return closes.map((close, index) => {
    const change = previous === undefined ? 0 : close - previous;
    previous = close;
    const [up, down] = [Math.max(change, 0), Math.max(-change, 0)];
    if (index <= days) {
      gain += up / days;
      loss += down / days;
    } else {
      gain = (gain * (days - 1) + up) / days;
      loss = (loss * (days - 1) + down) / days;
    }
    if (index < days) return undefined;
    return gain + loss === 0 ? 50 : (100 * gain) / (gain + loss);
  });
}

function movingAverageCross(closes: readonly number[], fastDays: number, slowDays: number): boolean[] {
  const fast = movingAverage(closes, fastDays);
  const slow = movingAverage(closes, slowDays);
  return closes.map((_, index) => {
    const [quick, steady] = [fast[index], slow[index]];
    return quick !== undefined && steady !== undefined && quick > steady;
  });
}

function momentum(closes: readonly number[], lookback: number, threshold: number): boolean[] {
  return closes.map((close, index) => {
    const then = closes[index - lookback];
    return then !== undefined && close / then - 1 > threshold;
  });
}

function rsiReversion(
  closes: readonly number[],
  days: number,
  buyBelow: number,
  sellAbove: number,
): boolean[] {
  let holds = false;
  return relativeStrength(closes, days).map((strength) => {
    if (strength !== undefined && strength < buyBelow) holds = true;
    else if (strength !== undefined && strength > sellAbove) holds = false;
    return holds;
  });
}

function need(parameters: Parameters, name: string): number {
  const value = parameters[name];
  if (value === undefined)
    throw new Error(`The strategy has no parameter ${name}; its template changed under it.`);
  return value;
}
