import type { Ranking } from '../metrics.ts';
import { spreadOf } from '../train/spread.ts';

/** The rank of each number, from 0; the mean rank where numbers are equal. */
export function ranksOf(values: readonly number[]): number[] {
  const order = [...values.keys()].sort((a, b) => values[a] - values[b]);
  const ranks = new Array<number>(values.length);
  for (let from = 0; from < order.length;) {
    let to = from;
    while (to < order.length && values[order[to]] === values[order[from]]) to++;
    for (let i = from; i < to; i++) ranks[order[i]] = (from + to - 1) / 2;
    from = to;
  }
  return ranks;
}

/** Correlation of ranks (Spearman); 0 where one of both does not vary. */
export function rankCorrelation(a: readonly number[], b: readonly number[]): number {
  const middle = (a.length - 1) / 2;
  const [x, y] = [ranksOf(a), ranksOf(b)].map((ranks) => ranks.map((rank) => rank - middle));
  const dot = (p: readonly number[], q: readonly number[]) => p.reduce((sum, value, i) => sum + value * q[i], 0); // prettier-ignore
  const size = Math.sqrt(dot(x, x) * dot(y, y));
  return size > 0 ? dot(x, y) / size : 0;
}

/** The share of pairs of a success and a failure in which the success has the larger estimate. */
export function orderedShare(estimates: readonly number[], succeeded: readonly boolean[]): number {
  const ranks = ranksOf(estimates);
  const successes = succeeded.filter(Boolean).length;
  const failures = succeeded.length - successes;
  const sum = ranks.reduce((total, rank, i) => total + (succeeded[i] ? rank : 0), 0);
  return (sum - (successes * (successes - 1)) / 2) / (successes * failures);
}

/** Estimates of a chunk, and what it led to. */
export interface Ranked {
  q: number;
  v: number;
  /** The discounted reward. */
  earned: number;
}

/** Rankings that decide whether estimates rank beyond chance, the newest; and how many there must be. */
const REMEMBERED = 8;
const LEAST = 3;

/** The rankings to remember, with another one. */
export const remembered = (rankings: readonly number[], newest: number): number[] =>
  [...rankings, newest].slice(-REMEMBERED);

/** Whether the mean of correlations of ranks lies more than two standard errors above 0. */
export function ranksBeyondChance(correlations: readonly number[]): boolean {
  if (correlations.length < LEAST) return false;
  const { mean, deviation } = spreadOf(correlations);
  return mean > (2 * deviation) / Math.sqrt(correlations.length - 1);
}

/** How well estimates rank chunks; undefined where all led to success, or none did. */
export function rankingOf(chunks: readonly Ranked[]): Ranking | undefined {
  const succeeded = chunks.map(({ earned }) => earned > 0);
  if (!succeeded.includes(true) || !succeeded.includes(false)) return undefined;
  return {
    outcome: orderedShare(chunks.map(({ q }) => q), succeeded), // prettier-ignore
    advantage: rankCorrelation(
      chunks.map(({ q, v }) => q - v),
      chunks.map(({ earned, v }) => earned - v),
    ),
  };
}
