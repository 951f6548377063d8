import type { GateEvidence, GateVerdict } from "@slipway/automation/contract";

/** A chart in units of its own; whoever draws it scales it. */
export interface GateChart {
  width: number;
  height: number;
  points: { x: number; y: number; verdict: GateVerdict; label: string }[];
  /** Lines between points that follow each other with a value. */
  path: string;
  thresholds: { y: number; means: "pass" | "fail"; label: string }[];
  /** What the upper and the lower edge stand for. */
  top: number;
  bottom: number;
}

const WIDTH = 640;
const HEIGHT = 140;
const EDGE = 8;
/** Above and below the values and thresholds, as a share of their span. */
const AIR = 0.1;

/** Where the values of a gate lie against its thresholds; null when there are fewer than two to draw. */
export function gateChart({
  measurements,
  thresholds,
  unit,
}: Pick<GateEvidence, "measurements" | "thresholds" | "unit">): GateChart | null {
  const values = measurements.flatMap(({ value }) => (value === null ? [] : [value]));
  if (values.length < 2) return null;
  const all = [...values, ...thresholds.map(({ value }) => value)];
  const [least, most] = all.reduce(
    ([low, high], value) => [Math.min(low, value), Math.max(high, value)],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  );
  const air = most === least ? Math.max(1, Math.abs(most)) * AIR : (most - least) * AIR;
  const [bottom, top] = [least - air, most + air];
  const first = measurements[0]?.afterSeconds ?? 0;
  const span = Math.max((measurements.at(-1)?.afterSeconds ?? 0) - first, Number.EPSILON);
  const x = (seconds: number) => EDGE + ((seconds - first) / span) * (WIDTH - 2 * EDGE);
  const y = (value: number) => HEIGHT - EDGE - ((value - bottom) / (top - bottom)) * (HEIGHT - 2 * EDGE);
  const suffix = unit === null ? "" : ` ${unit}`;
  let path = "";
  let isDrawing = false;
  const points: GateChart["points"] = [];
  for (const { value, afterSeconds, verdict } of measurements) {
    if (value === null) {
      // What was not measured is a gap, not a line through it.
      isDrawing = false;
      continue;
    }
    const point = { x: round(x(afterSeconds)), y: round(y(value)) };
    path += `${isDrawing ? "L" : "M"}${point.x} ${point.y}`;
    isDrawing = true;
    points.push({ ...point, verdict, label: `${value}${suffix} after ${round(afterSeconds)} s: ${verdict}` });
  }
  return {
    width: WIDTH,
    height: HEIGHT,
    points,
    path,
    thresholds: thresholds.map(({ means, operator, value }) => ({
      y: round(y(value)),
      means,
      label: `${means === "fail" ? "fails" : "passes"} if ${operator} ${value}${suffix}`,
    })),
    top,
    bottom,
  };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
