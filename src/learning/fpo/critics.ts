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
  /** [features] that inputs are standardised by: those of the first update, zeros before it. */
  mean: Float32Array;
  deviation: Float32Array;
}

/** Networks whose estimates are asked for. */
export type CriticNetworks = 'parameters' | 'average';

/**
 * An ensemble that estimates the discounted reward to come; see CriticsConfig.sees for of what. The target
 * of arXiv 2510.09976 is r + γ·min Q(s', x') with x' drawn from the policy: an update's chunks are drawn
 * from it, so x' is the chunk that was taken next.
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

/** Numbers that tell of the moment at which a chunk was asked for: images, joints, what is under way, time. */
function momentOf({ pooled, state, committed, delay, elapsed }: RolloutChunk): number[] {
  return [...pooled, ...state, ...committed, delay, elapsed];
}

/** Rows of a chunk that critics see where they see chunks: the first and last executed, two between. */
const ROWS_SEEN = 4;

/** `actions` [horizon, actionDim], of the rows that were executed of `chunk`, in its place or another's. */
function rowsSeen(actions: Float32Array, { mask, committed }: RolloutChunk): number[] {
  const width = committed.length;
  const counted = [...mask.keys()].filter((row) => mask[row] > 0);
  return Array.from({ length: ROWS_SEEN }, (_, i) => {
    const row = counted[Math.round((i * (counted.length - 1)) / (ROWS_SEEN - 1))] ?? 0;
    return [...actions.subarray(row * width, (row + 1) * width)];
  }).flat();
}

/** What critics see of a chunk's moment and, where they see chunks, of `actions` taken there. */
export function featuresOf(
  chunk: RolloutChunk,
  sees: CriticsConfig['sees'],
  actions = chunk.actions,
): Float32Array {
  const moment = momentOf(chunk);
  return Float32Array.from(sees === 'moment' ? moment : [...moment, ...rowsSeen(actions, chunk)]);
}

/** Numbers of `featuresOf` for a policy. */
export function featureCount(
  { expert, stateDim, actionDim }: Pi0Config,
  sees: CriticsConfig['sees'],
): number {
  const moment = expert.kvHeads * expert.headDim + stateDim + actionDim + 2;
  return sees === 'moment' ? moment : moment + ROWS_SEEN * actionDim;
}

/** Least deviation that a feature is divided by: one that never moves would be all noise. */
const LEAST_DEVIATION = 1e-3;
/** Deviations beyond which a feature is clamped: far from what was seen, an estimate is a guess. */
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

/** Critics that have seen nothing. */
export function initialCriticState(shape: CriticShape, seed: readonly number[]): CriticState {
  return {
    training: initialState(initialCritics(shape, seed)),
    mean: new Float32Array(shape.features),
    deviation: new Float32Array(shape.features),
  };
}

/** Opens critics where `start` stands; it changes as they learn. */
export async function openCritics(
  shape: CriticShape,
  config: CriticsConfig,
  start: CriticState,
  session: SessionConfig,
): Promise<Critics> {
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
        const some = [...order.subarray(from, to)];
        const { loss } = await trainer.step({
          features: inputs(some.map((index) => features[index])),
          targets: new Tensor(
            'float32',
            Float32Array.from(some, (index) => targets[index]),
            [some.length],
          ),
        });
        sum += loss * some.length;
      }
      return sum / order.length;
    },
    async close() {
      await estimate.release();
      await trainer.close();
    },
  };
}
