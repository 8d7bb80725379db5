import type { Bundle } from './bundle/config.ts';
import type { SampledJoin } from './joinKinds.ts';
import type { Join } from './chunkPolicy.ts';

/**
 * The weight of the previous chunk in each row of the next one, [rows]: 1 for the `delay` rows that are
 * played before it is there, then falling linearly to 0 from row `end` on (arXiv 2506.07339, in the steps of
 * lerobot).
 */
export function prefixWeights({
  delay,
  end,
  rows,
}: {
  delay: number;
  end: number;
  rows: number;
}): Float32Array {
  const start = Math.min(delay, end);
  return Float32Array.from({ length: rows }, (_, row) => {
    if (row >= end) return 0;
    const falling = (start - 1 - row) / (end - start + 1) + 1;
    return Math.min(Math.max(falling, 0), 1);
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
    shape: { horizon },
    executeSteps,
    maxDelay = 0,
  }: Pick<Bundle, 'shape' | 'executeSteps' | 'maxDelay'>,
): Float32Array {
  const known = rows.length / joints;
  if (kind === 'trained')
    return new Float32Array(horizon).fill(1, 0, Math.min(delay, known, maxDelay));
  const end = Math.min(known, Math.max(horizon - executeSteps, delay));
  return prefixWeights({ delay, end, rows: horizon });
}
