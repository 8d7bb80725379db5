import { type FpoConfig, fpoSchema } from '../fpo/config.ts';
import { drawPairs } from '../fpo/pairs.ts';
import { openLearningPolicy } from '../fpo/policy.ts';
import { optimise } from '../policyGradient/optimise.ts';
import { klLimit } from '../policyGradient/trustRegion.ts';
import type { KeptAttempt } from './attemptStore.ts';
import { drawPlaces } from './balance.ts';
import type { ReplayConfig } from './config.ts';
import { freshChunks } from './freshChunks.ts';
import type { ReplayMethod } from './replayLearning.ts';

/** Seed component of the draws. */
const DRAW = 43;

const fpoConfigOf = ({ trainable, seed, fpo }: ReplayConfig): FpoConfig => {
  const { samples, epochs, rate, trustRegion } = fpo;
  return fpoSchema.parse({ trainable, seed, samples, epochs, rate, trustRegion });
};

/**
 * Advantages with flow matching on successes: where ratios are one, the surrogate's gradient is that of each chunk's
 * flow-matching loss times −Â, so that `imitation` added to Â imitates the chunk with that weight, within the clip and the
 * trust region.
 */
const imitating = (
  advantages: readonly (readonly [KeptAttempt, readonly number[]])[],
  imitation: number,
): ReadonlyMap<KeptAttempt, readonly number[]> =>
  new Map(
    advantages.map(([attempt, own]) => [
      attempt,
      attempt.reward > 0 ? own.map((advantage) => advantage + imitation) : own,
    ]),
  );

/**
 * FPO (Lyu et al., arXiv 2510.09976) on kept attempts: its surrogate, on a balanced draw of chunks with the advantages
 * that critics give them now. Ratios are to the policy at the update's start, and losses are centred on the chunk that
 * it makes now, so that a chunk of an older policy counts by how it differs from that one. With `fresh`, chunks are what
 * it makes now in the drawn states, judged by critics.
 */
export const FPO_REPLAY: ReplayMethod = {
  format: 'nalu-fpo-replay-1',
  async openPolicy(context, config, start) {
    const fpo = fpoConfigOf(config);
    const policy = await openLearningPolicy(context, fpo, start);
    const { recent, chunks, minAdvantage, imitation, fresh, trustRegion } = config.fpo;
    const count = fresh ? Math.ceil(chunks / fresh.group) : chunks;
    return {
      get state() {
        return policy.state;
      },
      async improve({ store, advantages, estimates }, moment) {
        const isInformative = (advantage: number) => fresh !== undefined || Math.abs(advantage) >= minAdvantage; // prettier-ignore
        const seed = [config.seed, DRAW, moment.update];
        const newest = imitating([...advantages].slice(-recent), imitation);
        const drawn = drawPlaces(newest, isInformative, { count, successes: 0.5 }, seed);
        if (drawn.length === 0) return {};
        const kept = await store.load(drawn);
        const weighed = fresh
          ? await freshChunks(
              kept,
              fresh,
              { centres: (chunks) => policy.centres(chunks), estimates },
              [...seed, 1],
            )
          : kept.map((chunk, i) => ({ chunk, advantage: drawn[i].advantage }));
        const batch = await policy.prepare(drawPairs(weighed, moment.update, fpo));
        const limit = klLimit(trustRegion, moment.moves);
        return { policy: await optimise({ policy, config: fpo }, batch, limit) };
      },
      close: () => policy.close(),
    };
  },
};
