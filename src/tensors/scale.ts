/** What inputs of a network [n] are standardised by; zeros before there are any statistics. */
export interface Scale {
  mean: Float32Array;
  deviation: Float32Array;
}

/** Minimum deviation by which a number is divided: an almost constant one would be amplified noise. */
export const LEAST_DEVIATION = 1e-3;
/** Standardised numbers are clamped to this many deviations: estimates far from the data are guesses. */
export const REACH = 5;

/** Whether a number can be a scale's deviation. */
export const isDeviation = (value: number): boolean =>
  value === 0 || value >= Math.fround(LEAST_DEVIATION);

/** Mean and deviation of each number over `rows`, of which there is at least one. */
export function scaleOf(rows: readonly Float32Array[]): Scale {
  const mean = new Float32Array(rows[0].length);
  const square = new Float32Array(mean.length);
  for (const row of rows) row.forEach((value, i) => (mean[i] += value / rows.length));
  for (const row of rows)
    row.forEach((value, i) => (square[i] += (value - mean[i]) ** 2 / rows.length));
  const deviation = square.map((value) => Math.max(LEAST_DEVIATION, Math.sqrt(value)));
  return { mean, deviation };
}

/** Writes `row`, standardised by a scale's numbers from `from` on, into `out`; zeros before there is a scale. */
export function scaled(
  row: Float32Array,
  { mean, deviation }: Scale,
  from: number,
  out: Float32Array,
): void {
  row.forEach((value, i) => {
    const width = deviation[from + i];
    const standard = width === 0 ? 0 : (value - mean[from + i]) / width;
    out[i] = Math.max(-REACH, Math.min(REACH, standard));
  });
}
