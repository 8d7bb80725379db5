import { encodeModel } from '../../onnx/modelFile.ts';
import { type SessionConfig, Tensor, openModel } from '../../session/session.ts';
import type { Scale } from '../../tensors/scale.ts';
import { standardised } from '../../policy/choice/judge.ts';
import type { Steering } from '../../policy/steering/steering.ts';
import { steeringGraph, steeringParameters } from '../../policy/steering/steeringGraph.ts';
import { divided } from '../fpo/centres.ts';
import { joined } from '../fpo/feeds.ts';
import { optimiserSchema } from '../train/optimiser.ts';
import { adapterParameters, overwrite, tensorsIn } from '../train/parameters.ts';
import { type TrainingState, initialState, openTrainer } from '../train/trainer.ts';
import { initialNetworks } from './chunkCritics.ts';
import type { SteerConfig } from './config.ts';
import {
  GAIN,
  type SteeringLossShape,
  steeringLossGraph,
  steeringLossParameters,
} from './steeringLoss.ts';

/** Noise that was tried in a state. */
export interface NoiseTrial {
  /** See featuresOf. */
  features: Float32Array;
  /** [actionDim] the noise of all rows of the chunk. */
  row: Float32Array;
  /** What its chunk is worth beyond that of zero noise, in expected reward. */
  gain: number;
}

/** What learns to steer a policy's noise: networks estimate what noise gains, another one climbs on them. */
export interface SteeringLearner {
  readonly state: TrainingState;
  /** The row of each moment, with what is added before it is bounded; features are standardised by the scale. */
  rows(
    features: readonly Float32Array[],
    explored: readonly Float32Array[],
    scale: Scale,
  ): Promise<Float32Array[]>;
  /** One optimiser step. Returns the loss; throws a `UserError` where it is not finite. */
  step(trials: readonly NoiseTrial[], scale: Scale): Promise<number>;
  /** What steers now. */
  steering(scale: Scale): Steering;
  /** Steers as a policy does, and learns on from there. */
  adopt(steering: Steering): void;
  close(): Promise<void>;
}

/** Networks before their first step: noise is near zero everywhere. */
export const initialSteering = (shape: SteeringLossShape, seed: readonly number[]): TrainingState =>
  initialState(initialNetworks(steeringLossParameters(shape), shape.hidden.length, seed));

export async function openSteeringLearner(
  shape: SteeringLossShape,
  config: SteerConfig,
  start: TrainingState,
  session: SessionConfig,
): Promise<SteeringLearner> {
  const { features: width, actionDim } = shape;
  const parameters = steeringLossParameters(shape);
  const steers = new Set(steeringParameters(shape).map(({ name }) => name));
  const optimiser = optimiserSchema.parse({
    ...{ rate: config.rate, finalRate: config.rate, warmUp: 0, beta2: 0.999 },
    ...{ weightDecay: config.weightDecay, averageDecay: 0, clip: 10 },
  });
  const actor = await openModel(encodeModel(steeringGraph(shape)), session);
  const graph = steeringLossGraph(shape, config.price);
  const trainer = await openTrainer(graph, parameters, start, optimiser, session);

  const weights = () => {
    const all = tensorsIn(trainer.state.vectors.parameters, parameters);
    return Object.fromEntries([...all].filter(([name]) => steers.has(name)));
  };

  return {
    get state() {
      return trainer.state;
    },
    async rows(features, explored, scale) {
      const { rows } = await actor.run({
        ...weights(),
        features: standardised(features, width, scale),
        explored: joined(explored, [explored.length, actionDim]),
      });
      return divided(rows, features.length);
    },
    async step(trials, scale) {
      const gains = Float32Array.from(trials, ({ gain }) => gain / GAIN);
      const { loss } = await trainer.step({
        features: standardised(trials.map(({ features }) => features), width, scale), // prettier-ignore
        rows: joined(trials.map(({ row }) => row), [trials.length, actionDim]), // prettier-ignore
        gains: new Tensor('float32', gains, [gains.length]),
      });
      return loss;
    },
    steering({ mean, deviation }) {
      const { bound, spread } = config;
      const all = adapterParameters(trainer.state.vectors.parameters, parameters);
      return {
        ...{ bound, spread, hidden: [...shape.hidden] as Steering['hidden'] },
        parameters: new Map([...all].filter(([name]) => steers.has(name))),
        scale: { mean: mean.slice(0, width), deviation: deviation.slice(0, width) },
      };
    },
    adopt: (steering) =>
      overwrite(trainer.state.vectors.parameters, parameters, steering.parameters),
    async close() {
      await actor.release();
      await trainer.close();
    },
  };
}
