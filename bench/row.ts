/** One measured figure beside the one that is aimed at. */
export interface Row {
  name: string;
  value: number;
  unit: string;
  /** At least this much, or at most, as `better` says. */
  target?: number;
  better?: 'more' | 'less';
  note?: string;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The value below which so much of them lies, `share` 0…1. */
export const percentile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))];

/** Milliseconds that each of `runs` calls took, after one that does not count. */
export async function timeRuns(runs: number, call: () => Promise<unknown>): Promise<number[]> {
  await call();
  const times: number[] = [];
  for (let i = 0; i < runs; i++) {
    const began = performance.now();
    await call();
    times.push(performance.now() - began);
  }
  return times;
}
