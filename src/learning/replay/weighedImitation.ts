import { gaussianNoise, uniformNumbers } from '../../tensors/noise.ts';
import type { Tensor } from '../../session/session.ts';
import { learnableOf } from '../../policy/families/registry.ts';
import type { AlgorithmContext } from '../algorithm.ts';
import { flowFeeds } from '../fpo/feeds.ts';
import { flowTime } from '../imitation/flowMatching.ts';
import { flowMatchingGraph } from '../imitation/lossGraph.ts';
import { constantRate } from '../train/optimiser.ts';
import { spreadOf } from '../train/spread.ts';
import { frozenWeights } from '../train/startingWeights.ts';
import { type Trainer, type TrainingState, openTrainer } from '../train/trainer.ts';
import { drawPlaces } from './balance.ts';
import type { ReplayConfig } from './config.ts';
import type { Assessed, ReplayMethod } from './replayLearning.ts';

/** Seed component of the draws. */
const DRAW = 44;

/** Adam as openpi has it, but for the rate. */
const ADAM = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8 };

/** The numbers of flow matching on kept chunks; see config.ts. */
type Settings = Omit<ReplayConfig['inSample'], 'temperature' | 'clip'>;

/** What tells one kind of imitation from another. */
interface Kind {
  format: string;
  settings(this: void, config: ReplayConfig): Settings;
  /** The weight of a chunk with this advantage, in deviations. */
  weight(this: void, advantage: number, config: ReplayConfig): number;
}

/** Flow matching on a bundle's weights, with the prefix frozen. */
async function openFlowTrainer(
  { bundle, joints, session }: AlgorithmContext,
  { trainable }: ReplayConfig,
  { samples, rate }: Settings,
  start: TrainingState,
): Promise<Trainer> {
  const policy = learnableOf(bundle);
  const parameters = policy.parameters(trainable);
  const graph = flowMatchingGraph({
    ...{ policy, trainable, samples, dims: joints },
    observation: 'cache',
    cameras: bundle.cameras.length,
    text: policy.maxTokens,
    masked: true,
    keeps: bundle.maxDelay !== undefined,
  });
  const optimiser = constantRate({ rate, maxGradientNorm: 1 }, ADAM);
  const frozen = await frozenWeights(bundle, graph, parameters);
  return openTrainer(graph, parameters, start, optimiser, session, frozen);
}

/** The graph inputs of one step: chunks of a balanced draw, each executed row weighed as its chunk. */
async function feedsOf(
  { bundle }: AlgorithmContext,
  { store, advantages }: Assessed,
  { batch, successes, samples }: Settings,
  weightOf: (advantage: number) => number,
  seed: readonly number[],
): Promise<Record<string, Tensor>> {
  const drawn = drawPlaces(advantages, () => true, { count: batch, successes }, [...seed, 1]);
  const chunks = await store.load(drawn);
  const draw = uniformNumbers([...seed, 2]);
  const pairs = chunks.map((chunk, i) => {
    const { advantage } = drawn[i];
    const weight = weightOf(advantage);
    return {
      chunk: { ...chunk, mask: chunk.mask.map((row) => row * weight) },
      advantage,
      time: Float32Array.from({ length: samples }, () => flowTime(draw())),
      noise: gaussianNoise([...seed, 3, i], samples * chunk.actions.length),
    };
  });
  return flowFeeds(pairs, learnableOf(bundle), bundle.maxDelay !== undefined);
}

/** A method that imitates kept chunks by flow matching, each with a weight. */
const weighedImitation = ({ format, settings, weight }: Kind): ReplayMethod => ({
  format,
  async openPolicy(context, config, start) {
    const numbers = settings(config);
    const trainer = await openFlowTrainer(context, config, numbers, start);
    const weightOf = (advantage: number) => weight(advantage, config);
    return {
      get state() {
        return trainer.state;
      },
      async improve(assessed, { update }) {
        const losses: number[] = [];
        for (let step = 0; step < numbers.steps; step++) {
          const seed = [config.seed, DRAW, update, step];
          const feeds = await feedsOf(context, assessed, numbers, weightOf, seed);
          losses.push((await trainer.step(feeds)).loss);
        }
        const tenth = Math.ceil(losses.length / 10);
        return {
          reuse: {
            lossBefore: spreadOf(losses.slice(0, tenth)).mean,
            lossAfter: spreadOf(losses.slice(-tenth)).mean,
          },
        };
      },
      close: () => trainer.close(),
    };
  },
});

/**
 * In-sample learning (IQL, arXiv 2110.06169; advantage-weighted regression, arXiv 1910.00177): flow matching on kept
 * chunks, each weighed by exp(Â / temperature). It never asks what a chunk would be worth that nobody executed.
 */
export const IN_SAMPLE = weighedImitation({
  format: 'nalu-in-sample-1',
  settings: ({ inSample }) => inSample,
  weight: (advantage, { inSample: { temperature, clip } }) =>
    Math.exp(Math.max(-clip, Math.min(clip, advantage / temperature))),
});

/** Filtered imitation: flow matching on the chunks of kept successes, all alike. */
export const FILTERED = weighedImitation({
  format: 'nalu-filtered-1',
  settings: ({ filtered }) => ({ ...filtered, successes: 1 }),
  weight: () => 1,
});
