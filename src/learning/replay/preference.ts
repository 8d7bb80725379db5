import { type FpoConfig, fpoSchema } from '../fpo/config.ts';
import { drawPairs } from '../fpo/pairs.ts';
import { type FpoBatch, type FpoPolicy, openLearningPolicy } from '../fpo/policy.ts';
import { alikeOutcomes } from '../attempts/outcomes.ts';
import { optimise } from '../policyGradient/optimise.ts';
import { initialPolicyState } from '../policyGradient/state.ts';
import { klLimit } from '../policyGradient/trustRegion.ts';
import type { ReplayConfig } from './config.ts';
import { marginsOf, preferenceOf, preferenceWeights } from './preferenceLoss.ts';
import { type Compared, drawCompared, nearestPairs } from './preferencePairs.ts';
import type { ReplayMethod } from './replayLearning.ts';

/** Seed component of the draws. */
const DRAW = 45;

/** Losses that advantages weigh, without a ratio: the weights are those of the preferences. */
const fpoConfigOf = ({ trainable, seed, preference }: ReplayConfig): FpoConfig => {
  const { samples, epochs, rate, trustRegion } = preference;
  const ablation = { ratio: 'none' };
  return fpoSchema.parse({ trainable, seed, samples, epochs, rate, trustRegion, ablation });
};

/** A batch's preferences as the policy is now, compared with the reference's losses [chunks]. */
function comparing(
  policy: FpoPolicy,
  pairs: readonly Compared[],
  reference: readonly number[],
  beta: number,
) {
  const margins = async (batch: FpoBatch) =>
    marginsOf(pairs, await policy.losses(batch), reference);
  return async (batch: FpoBatch) => {
    const now = await margins(batch);
    return {
      preference: preferenceOf(now, beta),
      weighed: policy.weighed(batch, preferenceWeights(pairs, now, beta)),
    };
  };
}

/**
 * Preferences (TPO of GRAPE, arXiv 2411.19309, with the flow-matching loss in the place of a likelihood, as
 * Diffusion-DPO has it, arXiv 2311.12908): chunks of a success shall become likelier than those of a failure that began
 * nearby, compared with the policy that learning began with, a reference that stays as it is in Diffusion-DPO. Losses
 * are FPO's centred ones, and the trust region is FPO's.
 */
export const PREFERENCE: ReplayMethod = {
  format: 'nalu-preference-1',
  async openPolicy(context, config, start) {
    const fpo = fpoConfigOf(config);
    const { recent, beta, trustRegion, ...count } = config.preference;
    const begun = (await initialPolicyState(context.bundle, config)).policy.vectors.parameters;
    const policy = await openLearningPolicy(context, fpo, start);
    return {
      get state() {
        return policy.state;
      },
      async improve({ store, advantages }, { update, moves }) {
        const newest = [...advantages.keys()].slice(-recent);
        const skipped = alikeOutcomes(newest.map(({ reward }) => reward));
        if (skipped !== undefined) return { skipped };
        const { places, pairs } = drawCompared(nearestPairs(newest), count, [config.seed, DRAW, update]); // prettier-ignore
        const chunks = (await store.load(places)).map((chunk) => ({ chunk, advantage: 0 }));
        const batch = await policy.prepare(drawPairs(chunks, update, fpo));
        const compare = comparing(policy, pairs, await policy.losses(batch, begun), beta);
        const before = await compare(batch);
        const preferring: typeof policy = {
          ...policy,
          step: async (batch, accept) => policy.step((await compare(batch)).weighed, accept),
        };
        const limit = klLimit(trustRegion, moves);
        const metrics = await optimise({ policy: preferring, config: fpo }, before.weighed, limit);
        return {
          policy: metrics,
          reuse: {
            preferred: { before: before.preference, after: (await compare(batch)).preference },
          },
        };
      },
      close: () => policy.close(),
    };
  },
};
