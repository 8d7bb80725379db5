import type { TransformsConfig } from '../../policy/vectors/transforms.ts';
import type { Demonstration } from './demonstrations.ts';

/** Smallest deviation that a joint is scaled by, rad or opening: one that rests would be all noise. */
const LEAST_DEVIATION = 0.01;

const rounded = (values: number[]) => values.map((value) => Number(value.toFixed(6)));

/** Mean and standard deviation of each joint over rows. */
function moments(rows: Iterable<ArrayLike<number>>, joints: number) {
  let count = 0;
  const sum = new Float64Array(joints);
  const squares = new Float64Array(joints);
  for (const row of rows) {
    count += 1;
    for (let i = 0; i < joints; i++) {
      sum[i] += row[i];
      squares[i] += row[i] ** 2;
    }
  }
  const mean = Array.from(sum, (total) => total / count);
  const std = mean.map((m, i) =>
    Math.max(LEAST_DEVIATION, Math.sqrt(Math.max(0, squares[i] / count - m * m))),
  );
  return { mean: rounded(mean), std: rounded(std) };
}

/** The middle 98 % of each joint over rows. */
function quantiles(rows: Iterable<ArrayLike<number>>, joints: number) {
  const columns = Array.from({ length: joints }, (): number[] => []);
  for (const row of rows) columns.forEach((column, i) => column.push(row[i]));
  const ranges = columns.map((column) => {
    const sorted = Float64Array.from(column).sort();
    const [low, high] = [0.01, 0.99].map((share) => sorted[Math.round(share * (sorted.length - 1))]); // prettier-ignore
    const lacking = Math.max(0, 2 * LEAST_DEVIATION - (high - low)) / 2;
    return { low: low - lacking, high: high + lacking };
  });
  return { q01: rounded(ranges.map(({ low }) => low)), q99: rounded(ranges.map(({ high }) => high)) }; // prettier-ignore
}

/** Normalises states and actions by the mean and the deviation that they have in demonstrations, or by quantiles. */
export function normalisationOf(
  demonstrations: readonly Demonstration[],
  kind: 'meanStd' | 'quantile' = 'meanStd',
): TransformsConfig {
  const joints = demonstrations[0].state.length;
  function* actions() {
    for (const { actions: rows, steps } of demonstrations)
      for (let row = 0; row < steps; row++) yield rows.subarray(row * joints, (row + 1) * joints);
  }
  const states = demonstrations.map(({ state }) => state);
  const of = kind === 'meanStd' ? moments : quantiles;
  const vectors = { state: of(states, joints), actions: of(actions(), joints) };
  return [{ type: kind, convention: 'openpi', ...vectors }];
}
