export type ChartPoint = { readonly date: string; readonly value: number };
export type Chart = {
  readonly path: string;
  readonly low: number;
  readonly high: number;
  readonly baseline: number;
};

/**
 * The line of a series as an SVG path in a box of `width` by `height`, and the vertical place of `reference`. The
 * reference is always inside, so that a gain looks like one.
 */
export function lineChart(
  points: readonly ChartPoint[],
  reference: number,
  width: number,
  height: number,
): Chart {
  const values = [...points.map((point) => point.value), reference];
  const low = Math.min(...values);
  const high = Math.max(...values);
  const span = high - low || 1;
  const y = (value: number) => Number((height - ((value - low) / span) * height).toFixed(1));
  const step = points.length > 1 ? width / (points.length - 1) : 0;
  const path = points
    .map((point, index) => `${index === 0 ? "M" : "L"}${Number((index * step).toFixed(1))} ${y(point.value)}`)
    .join("");
  return { path, low, high, baseline: y(reference) };
}
