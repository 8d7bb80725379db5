import type { Chain } from '../../policy/chain.ts';

/**
 * Weights [horizon] by which the rows that are `counted` (above 0) make one standard normal number of the
 * explorationNoise of a dimension: their mean, divided by its deviation. The covariance of two rows is
 * size²·(persistence + (1 − persistence)·correlation^|i − j|).
 */
export function rowWeights(
  { size, correlation, persistence }: Omit<Chain, 'states' | 'noise'>,
  counted: Float32Array,
): Float32Array {
  const rows = [...counted.keys()].filter((row) => counted[row] > 0);
  let sum = 0;
  for (const i of rows)
    for (const j of rows) sum += persistence + (1 - persistence) * correlation ** Math.abs(i - j);
  // The deviation of the rows' sum, as many times that of their mean as there are rows.
  const deviation = size * Math.sqrt(sum);
  return counted.map((row) => (row > 0 ? 1 / deviation : 0));
}
