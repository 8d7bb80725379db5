/** Mean and reach of numbers. */
export interface Spread {
  mean: number;
  deviation: number;
  least: number;
  most: number;
}

export function spreadOf(values: ArrayLike<number>): Spread {
  const all = Array.from(values);
  const mean = all.reduce((sum, value) => sum + value, 0) / all.length;
  const variance = all.reduce((sum, value) => sum + (value - mean) ** 2, 0) / all.length;
  return {
    mean,
    deviation: Math.sqrt(variance),
    least: all.reduce((a, b) => Math.min(a, b)),
    most: all.reduce((a, b) => Math.max(a, b)),
  };
}
