import type { Bundle } from './bundle.ts';
import type { Join } from './chunkPolicy.ts';

/**
 * How the chunk in play enters a sampler: exact and approximate draw the flow towards it (real-time chunking,
 * see Guidance); trained keeps its rows as they are, for a policy that was trained to go on from them
 * (training-time real-time chunking, arXiv 2512.05964).
 */
export const SAMPLED_JOINS = ['exact', 'approximate', 'trained'] as const;

export type SampledJoin = (typeof SAMPLED_JOINS)[number];

/**
 * How a chunk takes over from the one in play. swap: in its place, as soon as it is there. synchronous: the
 * robot stands still until it is there, and plays it from its first row. ensemble: what is played is the mean
 * of all chunks that speak of the step, the older ones weighing more (ACT, arXiv 2304.13705). The others are
 * the sampler's, see SampledJoin.
 */
export const JOINS = ['swap', 'synchronous', 'ensemble', ...SAMPLED_JOINS] as const;

export type JoinKind = (typeof JOINS)[number];

/** The part that the sampler has in it. */
export const sampledJoin = (kind: JoinKind): SampledJoin | undefined =>
  SAMPLED_JOINS.find((sampled) => sampled === kind);

/** How a chunk's weights fall from the committed rows to those that are free. */
export type PrefixSchedule = 'linear' | 'exponential';

const SHAPES: Record<PrefixSchedule, (falling: number) => number> = {
  linear: (falling) => falling,
  exponential: (falling) => (falling * Math.expm1(falling)) / (Math.E - 1),
};

/**
 * How much each row of a chunk is to be that of the chunk before, [rows]: 1 for the `delay` rows that are
 * played before it is there, then less and less, 0 from row `end` on (arXiv 2506.07339, in steps as lerobot
 * has them).
 */
export function prefixWeights(
  { delay, end, rows }: { delay: number; end: number; rows: number },
  schedule: PrefixSchedule = 'linear',
): Float32Array {
  const start = Math.min(delay, end);
  return Float32Array.from({ length: rows }, (_, row) => {
    if (row >= end) return 0;
    const falling = (start - 1 - row) / (end - start + 1) + 1;
    return SHAPES[schedule](Math.min(Math.max(falling, 0), 1));
  });
}

/**
 * [horizon] how much each row of a chunk is to be that of the one in play, of a robot with `joints`. A policy
 * that was trained to go on from rows is given those that will have been played, all others are free.
 */
export function joinWeights(
  kind: SampledJoin,
  { rows, delay }: Join,
  joints: number,
  {
    pi0: { horizon },
    executeSteps,
    maxDelay = 0,
  }: Pick<Bundle, 'pi0' | 'executeSteps' | 'maxDelay'>,
): Float32Array {
  const known = rows.length / joints;
  if (kind === 'trained')
    return new Float32Array(horizon).fill(1, 0, Math.min(delay, known, maxDelay));
  const end = Math.min(known, Math.max(horizon - executeSteps, delay));
  return prefixWeights({ delay, end, rows: horizon });
}
