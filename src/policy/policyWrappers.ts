import type { ChunkPolicy } from './chunkPolicy.ts';
import type { Exploration } from './exploration.ts';

/** The policy with the members of `own` replaced. The rest is delegated, as robot/delegates.ts does it. */
export const delegatePolicy = (policy: ChunkPolicy, own: Partial<ChunkPolicy>): ChunkPolicy => ({
  get cameras() {
    return policy.cameras;
  },
  get horizon() {
    return policy.horizon;
  },
  get executeSteps() {
    return policy.executeSteps;
  },
  get join() {
    return policy.join;
  },
  sample: (observation, noise, join) => policy.sample(observation, noise, join),
  close: () => policy.close(),
  ...own,
});

/** The same policy, its chunks begun from zero noise. */
export const fromZeroNoise = (policy: ChunkPolicy): ChunkPolicy =>
  delegatePolicy(policy, {
    sample: (observation, _, join) => policy.sample(observation, 'zero', join),
  });

/** A policy that explores in the chunks that begin from random noise. */
export const exploring = (policy: ChunkPolicy, exploration: Exploration): ChunkPolicy =>
  delegatePolicy(policy, {
    sample: (observation, noise, join) =>
      policy.sample(observation, noise === 'zero' ? noise : { ...noise, exploration }, join),
  });
