import { encodeModel } from '../../onnx/modelFile.ts';
import { type SessionConfig, Tensor, openModel } from '../../session/session.ts';
import { gaussianNoise } from '../../tensors/noise.ts';
import { optimiserSchema } from '../train/optimiser.ts';
import { flatten, tensorsIn } from '../train/parameters.ts';
import { type TrainingState, initialState, openTrainer } from '../train/trainer.ts';
import {
  type ChunkCriticShape,
  chunkCriticGraph,
  chunkCriticParameters,
} from '../../policy/choice/chunkCriticGraph.ts';
import { chunkCriticLossGraph } from './chunkCriticLoss.ts';
import type { ChunkCriticConfig } from './config.ts';
import { type Scale, scaled } from '../../tensors/scale.ts';

/** The state of the networks between updates. */
export interface ChunkCriticState {
  /** Its averages are the target networks (Polyak). */
  training: TrainingState;
  /** Of features, then of rows; see scaleOf. */
  scale: Scale;
}

/** A chunk in a state, as the networks see it. */
export interface Judged {
  /** See featuresOf. */
  features: Float32Array;
  /** See executedSummary. */
  rows: Float32Array;
}

/** What a chunk is worth in its state. */
export interface Judgement {
  /** The estimate of each network of the ensemble. */
  q: number[];
  v: number;
}

/**
 * Networks that judge chunks: an ensemble estimates Q(s, chunk), the expected discounted reward after the chunk's
 * executed rows, another network V(s), an expectile of Q over the chunks that were executed (IQL, arXiv 2110.06169).
 */
export interface ChunkCritics {
  readonly state: ChunkCriticState;
  /** Judges chunks by the networks that learn, or by the target networks. */
  judge(chunks: readonly Judged[], networks: 'parameters' | 'average'): Promise<Judgement[]>;
  /** One optimiser step; `returns` are what the chunks led to, `qualities` what V is the expectile of. Returns the loss. */
  step(
    chunks: readonly Judged[],
    returns: readonly number[],
    qualities: readonly number[],
  ): Promise<number>;
  /** What inputs are standardised by from now on; before the first step only. */
  setScale(scale: Scale): void;
  close(): Promise<void>;
}

/** The least of two networks' estimates, drawn from the ensemble (REDQ, arXiv 2101.05982). */
export function leastOfTwo(q: readonly number[], draw: () => number): number {
  const first = Math.floor(draw() * q.length);
  const second = Math.floor(draw() * q.length);
  return Math.min(q[first], q[second]);
}

/**
 * Initial weights have deviation 1/√in, a tenth of that in the last layer, and biases are zero: all estimates start near
 * 0.5.
 */
function initialNetworks(shape: ChunkCriticShape, seed: readonly number[]): Float32Array {
  return flatten(chunkCriticParameters(shape), ({ name, shape: [count, rows, columns] }, i) => {
    if (name.endsWith('.bias')) return new Float32Array(count * columns);
    const factor = (columns === 1 ? 0.1 : 1) / Math.sqrt(rows);
    return gaussianNoise([...seed, i], count * rows * columns).map((value) => value * factor);
  });
}

/** Networks before their first update. */
export const initialChunkCritics = (
  shape: ChunkCriticShape,
  seed: readonly number[],
): ChunkCriticState => ({
  training: initialState(initialNetworks(shape, seed)),
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
  const estimate = await openModel(encodeModel(chunkCriticGraph(shape)), session);
  const trainer = await openTrainer(
    chunkCriticLossGraph(shape, config.expectile),
    parameters,
    start.training,
    optimiser,
    session,
  );
  let { scale } = start;

  const inputs = (chunks: readonly Judged[]) => {
    const features = new Float32Array(chunks.length * shape.features);
    const rows = new Float32Array(chunks.length * shape.rows);
    chunks.forEach((chunk, i) => {
      scaled(chunk.features, scale, 0, features.subarray(i * shape.features));
      scaled(chunk.rows, scale, shape.features, rows.subarray(i * shape.rows));
    });
    return {
      features: new Tensor('float32', features, [chunks.length, shape.features]),
      rows: new Tensor('float32', rows, [chunks.length, shape.rows]),
    };
  };
  const vector = (values: readonly number[]) =>
    new Tensor('float32', Float32Array.from(values), [values.length]);

  return {
    get state() {
      return { training: trainer.state, scale };
    },
    async judge(chunks, networks) {
      const weights = tensorsIn(trainer.state.vectors[networks], parameters);
      const outputs = await estimate.run({ ...inputs(chunks), ...Object.fromEntries(weights) });
      const [q, v] = [outputs.q, outputs.v].map(({ data }) => data as Float32Array);
      return chunks.map((_, i) => ({
        q: Array.from({ length: shape.count }, (_, network) => q[network * chunks.length + i]),
        v: v[i],
      }));
    },
    async step(chunks, returns, qualities) {
      const feeds = { returns: vector(returns), qualities: vector(qualities) };
      return (await trainer.step({ ...inputs(chunks), ...feeds })).loss;
    },
    setScale(now) {
      scale = now;
    },
    async close() {
      await estimate.release();
      await trainer.close();
    },
  };
}
