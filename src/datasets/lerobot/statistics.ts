import { uniformNumbers } from '../../tensors/noise.ts';

/** What lerobot keeps of a feature: a number per element, or per channel as [3][1][1]. */
export type FeatureStatistics = Record<string, unknown[]>;

const QUANTILES = [0.01, 0.1, 0.5, 0.9, 0.99];

/** `q01` for 0.01. */
const nameOf = (quantile: number) => `q${String(Math.round(quantile * 100)).padStart(2, '0')}`;

/** Rows of which quantiles are taken; more are sampled, so that memory does not grow with the data set. */
const MOST_ROWS = 1 << 15;

/** The quantile of sorted values, between the two nearest ones. */
function quantileOf(sorted: Float64Array, quantile: number): number {
  const at = quantile * (sorted.length - 1);
  const [below, above] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return below + (above - below) * (at - Math.floor(at));
}

/** Statistics of rows of `width` numbers. Mean and deviation are of all rows. */
export function vectorStatistics(width: number) {
  const random = uniformNumbers(0);
  /** [rows, width] */
  const sample = new Float64Array(MOST_ROWS * width);
  const least = new Float64Array(width).fill(Infinity);
  const greatest = new Float64Array(width).fill(-Infinity);
  const mean = new Float64Array(width);
  const squares = new Float64Array(width);
  let count = 0;

  return {
    add(row: ArrayLike<number>): void {
      count += 1;
      for (let i = 0; i < width; i++) {
        const value = row[i];
        least[i] = Math.min(least[i], value);
        greatest[i] = Math.max(greatest[i], value);
        const apart = value - mean[i];
        mean[i] += apart / count;
        squares[i] += apart * (value - mean[i]);
      }
      // Every row is as likely as any other to be in the sample.
      const place = count <= MOST_ROWS ? count - 1 : Math.floor(random() * count);
      if (place < MOST_ROWS) sample.set(row, place * width);
    },
    result(): FeatureStatistics {
      const sorted = Array.from({ length: width }, (_, i) =>
        Float64Array.from(
          { length: Math.min(count, MOST_ROWS) },
          (_, row) => sample[row * width + i],
        ).sort(),
      );
      return {
        min: [...least],
        max: [...greatest],
        mean: [...mean],
        std: Array.from(squares, (sum) => Math.sqrt(sum / count)),
        count: [count],
        ...Object.fromEntries(
          QUANTILES.map((q) => [nameOf(q), sorted.map((values) => quantileOf(values, q))]),
        ),
      };
    },
  };
}

/** The least byte that so many values of a histogram do not exceed. */
function byteAt(histogram: Float64Array, rank: number): number {
  let seen = 0;
  return histogram.findIndex((count) => (seen += count) > rank);
}

function channelStatistics(histogram: Float64Array) {
  const total = histogram.reduce((sum, count) => sum + count, 0);
  const moment = (of: (byte: number) => number) =>
    histogram.reduce((sum, count, byte) => sum + count * of(byte), 0) / total;
  const mean = moment((byte) => byte);
  return {
    min: histogram.findIndex((count) => count > 0),
    max: histogram.findLastIndex((count) => count > 0),
    mean,
    std: Math.sqrt(moment((byte) => (byte - mean) ** 2)),
    ...Object.fromEntries(
      QUANTILES.map((q) => [nameOf(q), byteAt(histogram, Math.floor(q * (total - 1)))]),
    ),
  };
}

/** Statistics of the channels of RGB8 pictures, as shares of 255. */
export function pictureStatistics() {
  const histograms = [0, 1, 2].map(() => new Float64Array(256));
  let count = 0;

  return {
    add(pixels: Uint8Array): void {
      count += 1;
      for (let i = 0; i < pixels.length; i++) histograms[i % 3][pixels[i]] += 1;
    },
    result(): FeatureStatistics {
      const channels = histograms.map(channelStatistics);
      const named = Object.keys(channels[0]) as (keyof (typeof channels)[0])[];
      return {
        ...Object.fromEntries(
          named.map((name) => [name, channels.map((channel) => [[channel[name] / 255]])]),
        ),
        count: [count],
      };
    },
  };
}
