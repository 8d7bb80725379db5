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

/** Wraps a policy so that its chunks start from zero noise. */
export const fromZeroNoise = (policy: ChunkPolicy): ChunkPolicy =>
  delegatePolicy(policy, {
    sample: (observation, _, join) => policy.sample(observation, 'zero', join),
  });

/** Wraps a policy so that chunks from random noise explore. */
export const exploring = (policy: ChunkPolicy, exploration: Exploration): ChunkPolicy =>
  delegatePolicy(policy, {
    sample: (observation, noise, join) =>
      policy.sample(observation, noise === 'zero' ? noise : { ...noise, exploration }, join),
  });
