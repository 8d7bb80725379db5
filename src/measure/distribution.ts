import { createHistogram } from 'node:perf_hooks';

/** Summary of a figure's values; all but `count` in milliseconds. */
export interface Percentiles {
  count: number;
  mean: number;
  p50: number;
  p90: number;
  p99: number;
  p999: number;
  max: number;
}

/** The distribution of one figure's values, in constant memory. */
export interface Distribution {
  /** Milliseconds; negative values count as 0. */
  add(value: number): void;
  /** Null if there are no values. Percentiles are accurate to 1 µs or three digits; mean and max are exact. */
  percentiles(): Percentiles | null;
}

const MICROSECONDS = 1000;
const HOUR = 3600e6;

/** An empty distribution, a high dynamic range histogram of microseconds up to an hour. */
export function createDistribution(): Distribution {
  const histogram = createHistogram({ lowest: 1, highest: HOUR, figures: 3 });
  let [count, sum, max] = [0, 0, 0];
  const at = (share: number) => Math.min(histogram.percentile(share) / MICROSECONDS, max);
  return {
    add(milliseconds) {
      const value = Math.max(milliseconds, 0);
      count += 1;
      sum += value;
      max = Math.max(max, value);
      histogram.record(Math.min(Math.max(Math.round(value * MICROSECONDS), 1), HOUR));
    },
    percentiles: () =>
      count === 0
        ? null
        : {
            ...{ count, mean: sum / count, p50: at(50), p90: at(90) },
            ...{ p99: at(99), p999: at(99.9), max },
          },
  };
}
