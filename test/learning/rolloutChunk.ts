import type { RolloutChunk } from '../../src/learning/attempts/rollout.ts';
import { gaussianNoise } from '../../src/tensors/noise.ts';

/** A chunk of four rows of three actions, of which the second and third were executed; its numbers are of the seed. */
export const rolloutChunk = (seed: number, more: Partial<RolloutChunk> = {}): RolloutChunk => ({
  policyVersion: 'base+1',
  cache: gaussianNoise([seed, 1], 60),
  valid: Uint8Array.of(1, 1, 0),
  pooled: gaussianNoise([seed, 2], 4),
  state: gaussianNoise([seed, 3], 3),
  actions: gaussianNoise([seed, 4], 12),
  noise: gaussianNoise([seed, 5], 12),
  mask: Float32Array.of(0, 1, 1, 0),
  committed: new Float32Array(3),
  ...{ at: 0, delay: 1, elapsed: 40 * seed, steps: 2 },
  ...more,
});
