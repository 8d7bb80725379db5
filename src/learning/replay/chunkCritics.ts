import { type SessionConfig, Tensor } from '../../session/session.ts';
import { gaussianNoise } from '../../tensors/noise.ts';
import { optimiserSchema } from '../train/optimiser.ts';
import { flatten, overwrite, tensorsIn } from '../train/parameters.ts';
import { type TrainingState, initialState, openTrainer } from '../train/trainer.ts';
import {
  type ChunkCriticShape,
  chunkCriticParameters,
} from '../../policy/choice/chunkCriticGraph.ts';
import { type Judged, type Judgement, judgedInputs, openJudge } from '../../policy/choice/judge.ts';
import type { Choice } from '../../policy/choice/choice.ts';
import type { Parameter } from '../../policy/trainable.ts';
import { chunkCriticLossGraph } from './chunkCriticLoss.ts';
import type { ChunkCriticConfig } from './config.ts';
import type { Scale } from '../../tensors/scale.ts';

/** The state of the networks between updates. */
export interface ChunkCriticState {
  /** Its averages are the target networks (Polyak). */
  training: TrainingState;
  /** Of features, then of rows; see scaleOf. */
  scale: Scale;
}

/**
 * Networks that judge chunks: an ensemble estimates Q(s, chunk), the expected discounted reward after the chunk's
 * executed rows, another network V(s), an expectile of Q over the chunks that were executed (IQL, arXiv 2110.06169).
 */
export interface ChunkCritics {
  readonly shape: ChunkCriticShape;
  readonly state: ChunkCriticState;
  /** Judges chunks by the networks that learn, or by the target networks. */
  judge(chunks: readonly Judged[], networks: 'parameters' | 'average'): Promise<Judgement[]>;
  /**
   * One optimiser step; `returns` are what the chunks led to, `qualities` what V is the expectile of, `outcomes` the
   * rewards of their attempts. Returns the loss.
   */
  step(
    chunks: readonly Judged[],
    returns: readonly number[],
    qualities: readonly number[],
    outcomes: readonly number[],
  ): Promise<number>;
  /** What inputs are standardised by from now on; before the first step only. */
  setScale(scale: Scale): void;
  /** Judges by the networks that a policy carries, and learns on from there. */
  adopt(choice: Choice): void;
  close(): Promise<void>;
}

/** The least of two networks' estimates, drawn from the ensemble (REDQ, arXiv 2101.05982). */
export function leastOfTwo(q: readonly number[], draw: () => number): number {
  const first = Math.floor(draw() * q.length);
  const second = Math.floor(draw() * q.length);
  return Math.min(q[first], q[second]);
}

/**
 * Networks with so many hidden layers. Initial weights have deviation 1/√in, a tenth of that in the last layer, and biases
 * are zero: all estimates start near 0.5, and edits near 0.
 */
export function initialNetworks(
  parameters: readonly Parameter[],
  hiddenLayers: number,
  seed: readonly number[],
): Float32Array {
  return flatten(parameters, ({ name, shape: [count, rows, columns] }, i) => {
    if (name.endsWith('.bias')) return new Float32Array(count * columns);
    const isLast = name.includes(`.${hiddenLayers}.`);
    const factor = (isLast ? 0.1 : 1) / Math.sqrt(rows);
    return gaussianNoise([...seed, i], count * rows * columns).map((value) => value * factor);
  });
}

/** Networks before their first update. */
export const initialChunkCritics = (
  shape: ChunkCriticShape,
  seed: readonly number[],
): ChunkCriticState => ({
  training: initialState(initialNetworks(chunkCriticParameters(shape), shape.hidden.length, seed)), // prettier-ignore
  scale: {
    mean: new Float32Array(shape.features + shape.rows),
    deviation: new Float32Array(shape.features + shape.rows),
  },
});

export async function openChunkCritics(
  shape: ChunkCriticShape,
  config: ChunkCriticConfig,
  start: ChunkCriticState,
  session: SessionConfig,
): Promise<ChunkCritics> {
  const parameters = chunkCriticParameters(shape);
  const optimiser = optimiserSchema.parse({
    ...{ rate: config.rate, finalRate: config.rate, warmUp: 0, beta2: 0.999 },
    ...{ weightDecay: config.weightDecay, averageDecay: config.polyak, clip: 10 },
  });
  const judge = await openJudge(shape, session);
  const trainer = await openTrainer(
    chunkCriticLossGraph(shape, config.expectile),
    parameters,
    start.training,
    optimiser,
    session,
  );
  let { scale } = start;

  const vector = (values: readonly number[]) =>
    new Tensor('float32', Float32Array.from(values), [values.length]);

  return {
    shape,
    get state() {
      return { training: trainer.state, scale };
    },
    judge: (chunks, networks) =>
      judge.judge(chunks, scale, tensorsIn(trainer.state.vectors[networks], parameters)),
    async step(chunks, returns, qualities, outcomes) {
      const widths = scale.deviation.subarray(shape.features);
      const feeds = {
        ...{ returns: vector(returns), qualities: vector(qualities) },
        ...(shape.discriminates && { outcomes: vector(outcomes) }),
        ...(shape.edits !== undefined && { widths: new Tensor('float32', widths, [shape.rows]) }),
      };
      return (await trainer.step({ ...judgedInputs(shape, chunks, scale), ...feeds })).loss;
    },
    setScale(now) {
      scale = now;
    },
    adopt(choice) {
      overwrite(trainer.state.vectors.parameters, parameters, choice.parameters);
      scale = choice.scale;
    },
    async close() {
      await judge.close();
      await trainer.close();
    },
  };
}
