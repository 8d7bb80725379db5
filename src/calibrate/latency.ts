/** Numbers at times, ns, in order. */
export interface Series {
  times: bigint[];
  values: number[];
}

export interface Latency {
  /** s that the second series lies behind the first; negative where it is ahead. */
  latency: number;
  /** Pearson's correlation at that lag, -1 to 1: how far the figure can be trusted. */
  correlation: number;
}

/** s: lags that are tried, and the distance between them. */
export const LAGS = { least: -0.05, greatest: 0.3 };
const STEP = 0.005;

/** s: with less of both series in common there is nothing to compare. */
const LEAST_OVERLAP = 2;

/** Reads a series at any time, s since `origin`, between its points by a straight line. */
function reader({ times, values }: Series, origin: bigint) {
  const seconds = times.map((time) => Number(time - origin) / 1e9);
  let at = 0;
  return (time: number): number => {
    while (at > 0 && seconds[at] > time) at--;
    while (at < seconds.length - 2 && seconds[at + 1] < time) at++;
    const share = (time - seconds[at]) / (seconds[at + 1] - seconds[at]);
    return values[at] + share * (values[at + 1] - values[at]);
  };
}

function correlate(a: readonly number[], b: readonly number[]): number {
  const mean = (values: readonly number[]) => values.reduce((x, y) => x + y, 0) / values.length;
  const [meanA, meanB] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  a.forEach((value, i) => {
    ab += (value - meanA) * (b[i] - meanB);
    aa += (value - meanA) ** 2;
    bb += (b[i] - meanB) ** 2;
  });
  return aa > 0 && bb > 0 ? ab / Math.sqrt(aa * bb) : 0;
}

/** Where between its neighbours a parabola through three values has its top, -½ to ½. */
function topOf(before: number, peak: number, after: number): number {
  const bend = before - 2 * peak + after;
  return bend < 0 ? (before - after) / (2 * bend) : 0;
}

/**
 * The delay of `effect` after `cause`: the lag of their highest correlation, to a fraction of 5 ms. Undefined
 * if they overlap by less than two seconds, if one is constant, or if the highest correlation is at the end
 * of the tested lags.
 */
export function estimateLatency(cause: Series, effect: Series): Latency | undefined {
  if (cause.times.length < 2 || effect.times.length < 2) return undefined;
  const [origin] = cause.times;
  const at = (time: bigint) => Number(time - origin) / 1e9;
  const begin = Math.max(0, at(effect.times[0]) - LAGS.least);
  const end = Math.min(at(cause.times.at(-1)!), at(effect.times.at(-1)!) - LAGS.greatest);
  if (!(end - begin >= LEAST_OVERLAP)) return undefined;
  const grid = Array.from(
    { length: Math.floor((end - begin) / STEP) + 1 },
    (_, i) => begin + i * STEP,
  );
  const causes = grid.map(reader(cause, origin));
  const read = reader(effect, origin);
  const correlations = Array.from(
    { length: Math.round((LAGS.greatest - LAGS.least) / STEP) + 1 },
    (_, i) =>
      correlate(
        causes,
        grid.map((time) => read(time + LAGS.least + i * STEP)),
      ),
  );
  const best = correlations.indexOf(Math.max(...correlations));
  if (best === 0 || best === correlations.length - 1 || correlations[best] <= 0) return undefined;
  const shift = topOf(correlations[best - 1], correlations[best], correlations[best + 1]);
  return { latency: LAGS.least + (best + shift) * STEP, correlation: correlations[best] };
}

/** ns: rows that lie closer are parts of one, as when each of two arms reports. */
const LEAST_SPAN = 2_000_000n;

/** Change from each row to the next, a second, at the middle of their times. */
export function rateOfChange<T>(
  rows: readonly { stamp: bigint; value: T }[],
  distance: (a: T, b: T) => number,
): Series {
  const series: Series = { times: [], values: [] };
  let [before] = rows;
  for (const row of rows) {
    const span = row.stamp - before.stamp;
    if (span < LEAST_SPAN) continue;
    series.times.push(before.stamp + span / 2n);
    series.values.push(distance(before.value, row.value) / (Number(span) / 1e9));
    before = row;
  }
  return series;
}
