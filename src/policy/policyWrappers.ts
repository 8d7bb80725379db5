import type { ChunkPolicy } from './chunkPolicy.ts';
import type { Exploration } from './exploration.ts';

/** The same policy, its chunks begun from zero noise. */
export const fromZeroNoise = <P extends ChunkPolicy>(policy: P): P => ({
  ...policy,
  sample: (observation, _, join) => policy.sample(observation, 'zero', join),
});

/** A policy that explores in the chunks that begin from random noise. */
export const exploring = <P extends ChunkPolicy>(policy: P, exploration: Exploration): P => ({
  ...policy,
  sample: (observation, noise, join) =>
    policy.sample(observation, noise === 'zero' ? noise : { ...noise, exploration }, join),
});
