import { encodeModel } from '../../onnx/modelFile.ts';
import { type SessionConfig, Tensor, openModel } from '../../session/session.ts';
import type { CriticsConfig } from './config.ts';
import {
  type CriticShape,
  criticLossGraph,
  criticParameters,
  criticValuesGraph,
  initialCritics,
} from './criticGraph.ts';
import type { Adaptable } from '../../policy/learnable.ts';
import { optimiserSchema } from '../train/optimiser.ts';
import { evenParts, shuffled } from '../train/order.ts';
import { tensorsIn } from '../train/parameters.ts';
import { type TrainingState, initialState, openTrainer } from '../train/trainer.ts';
import type { RolloutChunk } from '../attempts/rollout.ts';

/** The critics' state between updates. */
export interface CriticState {
  /** Training state of the ensemble; its averages are the target networks (Polyak). */
  training: TrainingState;
  /** [features] statistics of the first update that standardise the inputs; zeros before it. */
  mean: Float32Array;
  deviation: Float32Array;
}

/** Which networks estimate: the learning ones or the target networks. */
export type CriticNetworks = 'parameters' | 'average';

/**
 * An ensemble that estimates V(s), the expected discounted reward. The critics of arXiv 2510.09976 estimate
 * Q(s, chunk); V(s) is its mean over the policy's chunks, which are those of an update.
 */
export interface Critics {
  readonly state: CriticState;
  /** The minimum of the ensemble's estimates for each observation [moments, features]. */
  values(features: readonly Float32Array[], networks: CriticNetworks): Promise<number[]>;
  /** One epoch of regression to `targets`, in minibatches shuffled by `seed`; returns the mean loss. */
  train(
    features: readonly Float32Array[],
    targets: readonly number[],
    seed: readonly number[],
  ): Promise<number>;
  close(): Promise<void>;
}

/** The critics' input for a chunk: pooled images and prompt, state, committed row, delay, elapsed steps. */
export function featuresOf(chunk: RolloutChunk): Float32Array {
  const { pooled, state, committed, delay, elapsed } = chunk;
  return Float32Array.from([...pooled, ...state, ...committed, delay, elapsed]);
}

/** Length of `featuresOf` for a policy. */
export const featureCount = ({ cache, stateDim, actionDim }: Adaptable): number =>
  cache.heads * cache.headDim + stateDim + actionDim + 2;

/** Minimum deviation by which a feature is divided: an almost constant one would be amplified noise. */
const LEAST_DEVIATION = 1e-3;
/** Standardised features are clamped to this many deviations: estimates far from the data are guesses. */
const REACH = 5;

function statisticsOf(features: readonly Float32Array[]): Pick<CriticState, 'mean' | 'deviation'> {
  const mean = new Float32Array(features[0].length);
  const deviation = new Float32Array(mean.length);
  for (const row of features) row.forEach((value, i) => (mean[i] += value / features.length));
  for (const row of features)
    row.forEach((value, i) => (deviation[i] += (value - mean[i]) ** 2 / features.length));
  return {
    mean,
    deviation: deviation.map((square) => Math.max(LEAST_DEVIATION, Math.sqrt(square))),
  };
}

/** Critics before their first update. */
export function initialCriticState(shape: CriticShape, seed: readonly number[]): CriticState {
  return {
    training: initialState(initialCritics(shape, seed)),
    mean: new Float32Array(shape.features),
    deviation: new Float32Array(shape.features),
  };
}

export interface CriticsOptions {
  shape: CriticShape;
  config: CriticsConfig;
  /** Updated in place as the critics learn. */
  start: CriticState;
  session: SessionConfig;
}

export async function openCritics({
  shape,
  config,
  start,
  session,
}: CriticsOptions): Promise<Critics> {
  const parameters = criticParameters(shape);
  const optimiser = optimiserSchema.parse({
    rate: config.rate,
    finalRate: config.rate,
    warmUp: 0,
    beta2: 0.999,
    weightDecay: config.weightDecay,
    averageDecay: config.polyak,
  });
  const estimate = await openModel(encodeModel(criticValuesGraph(shape)), session);
  const trainer = await openTrainer(
    criticLossGraph(shape),
    parameters,
    start.training,
    optimiser,
    session,
  );
  let { mean, deviation } = start;

  const inputs = (features: readonly Float32Array[]) => {
    const data = new Float32Array(features.length * shape.features);
    features.forEach((row, i) =>
      row.forEach((value, j) => {
        const standard = deviation[j] === 0 ? 0 : (value - mean[j]) / deviation[j];
        data[i * shape.features + j] = Math.max(-REACH, Math.min(REACH, standard));
      }),
    );
    return new Tensor('float32', data, [features.length, shape.features]);
  };

  return {
    get state() {
      return { training: trainer.state, mean, deviation };
    },
    async values(features, networks) {
      const weights = tensorsIn(trainer.state.vectors[networks], parameters);
      const { values } = await estimate.run({
        features: inputs(features),
        ...Object.fromEntries(weights),
      });
      const data = values.data as Float32Array;
      return features.map((_, moment) => {
        let least = Infinity;
        for (let i = moment; i < data.length; i += features.length)
          least = Math.min(least, data[i]);
        return least;
      });
    },
    async train(features, targets, seed) {
      if (deviation.every((value) => value === 0)) ({ mean, deviation } = statisticsOf(features));
      const order = shuffled(features.length, seed);
      let sum = 0;
      for (const [from, to] of evenParts(order.length, config.minibatch)) {
        const minibatch = [...order.subarray(from, to)];
        const expected = Float32Array.from(minibatch, (index) => targets[index]);
        const { loss } = await trainer.step({
          features: inputs(minibatch.map((index) => features[index])),
          targets: new Tensor('float32', expected, [expected.length]),
        });
        sum += loss * minibatch.length;
      }
      return sum / order.length;
    },
    async close() {
      await estimate.release();
      await trainer.close();
    },
  };
}
