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
import { optimiserSchema } from '../train/optimiser.ts';
import { evenParts, shuffled } from '../train/order.ts';
import { tensorsIn } from '../train/parameters.ts';
import { type Scale, scaleOf, scaled } from '../../tensors/scale.ts';
import { type TrainingState, initialState, openTrainer } from '../train/trainer.ts';

/** The critics' state between updates. */
export interface CriticState extends Scale {
  /** Training state of the ensemble; its averages are the target networks (Polyak). */
  training: TrainingState;
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
  let scale: Scale = { mean: start.mean, deviation: start.deviation };

  const inputs = (features: readonly Float32Array[]) => {
    const data = new Float32Array(features.length * shape.features);
    features.forEach((row, i) => scaled(row, scale, 0, data.subarray(i * shape.features)));
    return new Tensor('float32', data, [features.length, shape.features]);
  };

  return {
    get state() {
      return { training: trainer.state, ...scale };
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
      if (scale.deviation.every((value) => value === 0)) scale = scaleOf(features);
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
