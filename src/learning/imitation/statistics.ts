import type { TransformsConfig } from '../../policy/vectors/transforms.ts';
import type { Demonstration } from './demonstrations.ts';

/** Smallest deviation that a joint is scaled by, rad or opening: one that rests would be all noise. */
const LEAST_DEVIATION = 0.01;

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
  const rounded = (values: number[]) => values.map((value) => Number(value.toFixed(6)));
  return { mean: rounded(mean), std: rounded(std) };
}

/** Normalises states and actions by the mean and the deviation that they have in demonstrations. */
export function normalisationOf(demonstrations: readonly Demonstration[]): TransformsConfig {
  const joints = demonstrations[0].state.length;
  function* actions() {
    for (const { actions: rows, steps } of demonstrations)
      for (let row = 0; row < steps; row++) yield rows.subarray(row * joints, (row + 1) * joints);
  }
  const states = demonstrations.map(({ state }) => state);
  return [
    {
      type: 'meanStd',
      convention: 'openpi',
      state: moments(states, joints),
      actions: moments(actions(), joints),
    },
  ];
}
