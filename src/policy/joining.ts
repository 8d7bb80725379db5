import type { Bundle } from './bundle/config.ts';
import type { SampledJoin } from './joinKinds.ts';
import type { Join } from './chunkPolicy.ts';

/**
 * The weight of the previous chunk in each row of the next one, [rows]: 1 for the `delay` rows that are
 * played before it is ready, then decreasing linearly to 0 at row `end` (arXiv 2506.07339, in lerobot's
 * steps).
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
 * [horizon] the weight of the chunk in play in each row of the next one, for a robot with `joints`. For a
 * policy trained to continue from given rows, the committed rows have weight 1 and all others 0.
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
