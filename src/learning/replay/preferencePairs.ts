import { type Scale, scaleOf, scaled } from '../../tensors/scale.ts';
import { wasExecuted } from '../attempts/outcomes.ts';
import { shuffled } from '../train/order.ts';
import type { ChunkPlace, KeptAttempt } from './attemptStore.ts';

/** A success and a failure that are compared. */
export interface AttemptPair {
  success: KeptAttempt;
  failure: KeptAttempt;
}

/** What an attempt begins from: what the policy sees first, [pooled + state]. */
const startOf = ({ chunks: [{ pooled, state }] }: KeptAttempt) =>
  Float32Array.of(...pooled, ...state);

function standardStart(attempt: KeptAttempt, scale: Scale): Float32Array {
  const start = startOf(attempt);
  scaled(start, scale, 0, start);
  return start;
}

const squaredDistance = (a: Float32Array, b: Float32Array) =>
  a.reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0);

/**
 * Each attempt with the one of the other outcome whose start is nearest, numbers standardised; none where all ended
 * alike. A robot cannot begin twice from the same state, as pairs of TPO do (arXiv 2411.19309).
 */
export function nearestPairs(attempts: readonly KeptAttempt[]): AttemptPair[] {
  if (attempts.length === 0) return [];
  const scale = scaleOf(attempts.map(startOf));
  const starts = new Map(attempts.map((attempt) => [attempt, standardStart(attempt, scale)]));
  return attempts.flatMap((attempt) => {
    const succeeded = attempt.reward > 0;
    const others = attempts.filter(({ reward }) => reward > 0 !== succeeded);
    if (others.length === 0) return [];
    const distances = others.map((other) => squaredDistance(starts.get(attempt)!, starts.get(other)!)); // prettier-ignore
    const nearest = others[distances.indexOf(Math.min(...distances))];
    return [succeeded ? { success: attempt, failure: nearest } : { success: nearest, failure: attempt }]; // prettier-ignore
  });
}

/** Two lists of places in a batch, of a success's chunks and of a failure's. */
export interface Compared {
  success: number[];
  failure: number[];
}

/** Chunks of an update's pairs, and where each pair has its own among them. */
export interface ComparedChunks {
  places: ChunkPlace[];
  pairs: Compared[];
}

/** So many pairs at most, none twice, and so many executed chunks of each attempt. The same seed draws the same. */
export function drawCompared(
  pairs: readonly AttemptPair[],
  count: { pairs: number; chunks: number },
  seed: readonly number[],
): ComparedChunks {
  const places: ChunkPlace[] = [];
  const chunksOf = (attempt: KeptAttempt, ...own: number[]): number[] => {
    const executed = [...attempt.chunks.keys()].filter((index) => wasExecuted(attempt.chunks[index])); // prettier-ignore
    return [...shuffled(executed.length, [...seed, 2, ...own])]
      .slice(0, count.chunks)
      .map((at) => places.push({ attempt, index: executed[at] }) - 1);
  };
  const drawn = [...shuffled(pairs.length, [...seed, 1])].slice(0, count.pairs);
  const compared = drawn.map((pair, i) => ({
    success: chunksOf(pairs[pair].success, i, 1),
    failure: chunksOf(pairs[pair].failure, i, 2),
  }));
  return { places, pairs: compared };
}
