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
import type { Pi0Config } from '../../policy/families/pi0/config.ts';
import { optimiserSchema } from '../train/optimiser.ts';
import { evenParts, shuffled } from '../train/order.ts';
import { tensorsIn } from '../train/parameters.ts';
import { type TrainingState, initialState, openTrainer } from '../train/trainer.ts';
import type { RolloutChunk } from './rollout.ts';

/** All that critics carry from update to update. */
export interface CriticState {
  /** Of the ensemble; the averages are the target networks (Polyak). */
  training: TrainingState;
  /** [features] of the first update, by which inputs are standardised; zeros before it. */
  mean: Float32Array;
  deviation: Float32Array;
}

/** The networks to estimate with: as they learn, or the target networks. */
export type CriticNetworks = 'parameters' | 'average';

/**
 * An ensemble that estimates V(s), the discounted reward to come. The critics of arXiv 2510.09976 estimate
 * Q(s, chunk); V(s) is its average over the chunks that the policy takes, which are those of an update.
 */
export interface Critics {
  readonly state: CriticState;
  /** The ensemble's least estimate of each moment [moments, features]. */
  values(features: readonly Float32Array[], networks: CriticNetworks): Promise<number[]>;
  /** One pass towards `targets` in minibatches drawn from `seed`; gives the mean loss. */
  train(
    features: readonly Float32Array[],
    targets: readonly number[],
    seed: readonly number[],
  ): Promise<number>;
  close(): Promise<void>;
}

/** What critics see of a chunk's observation: pooled images and prompt, state, committed row, delay, elapsed steps. */
export function featuresOf(chunk: RolloutChunk): Float32Array {
  const { pooled, state, committed, delay, elapsed } = chunk;
  return Float32Array.from([...pooled, ...state, ...committed, delay, elapsed]);
}

/** Length of `featuresOf` for a policy. */
export const featureCount = ({ expert, stateDim, actionDim }: Pi0Config): number =>
  expert.kvHeads * expert.headDim + stateDim + actionDim + 2;

/** Least deviation that a feature is divided by: one that hardly changes would be all noise. */
const LEAST_DEVIATION = 1e-3;
/** Deviations beyond which a feature is clamped: far from the data, an estimate is a guess. */
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
  /** Its vectors change as the critics learn. */
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
        const wanted = Float32Array.from(minibatch, (index) => targets[index]);
        const { loss } = await trainer.step({
          features: inputs(minibatch.map((index) => features[index])),
          targets: new Tensor('float32', wanted, [wanted.length]),
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
