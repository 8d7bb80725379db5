import { encodeModel } from '../../onnx/modelFile.ts';
import { type SessionConfig, Tensor, openModel } from '../../session/session.ts';
import { type Scale, scaled } from '../../tensors/scale.ts';
import { PARTS } from './executedSummary.ts';
import { type ChunkCriticShape, chunkCriticGraph } from './chunkCriticGraph.ts';

/** A chunk in a state, as critics see it. */
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
  /** [actionDim] what should be added to all its rows; absent where chunks are not edited. */
  edit?: Float32Array;
  /** Probability that it is of a success, where as many chunks are of failures; absent where nobody tells them apart. */
  f?: number;
}

/** The least estimate of the ensemble: what a chunk is worth at least. */
export const leastOf = ({ q }: Judgement): number => Math.min(...q);

/** Vectors [width] as an input [vectors, width], standardised by a scale's numbers from `from` on. */
export function standardised(
  vectors: readonly Float32Array[],
  width: number,
  scale: Scale,
  from = 0,
): Tensor {
  const data = new Float32Array(vectors.length * width);
  vectors.forEach((vector, i) => scaled(vector, scale, from, data.subarray(i * width)));
  return new Tensor('float32', data, [vectors.length, width]);
}

/** Chunks as inputs of the critics' graphs. */
export function judgedInputs(
  shape: ChunkCriticShape,
  chunks: readonly Judged[],
  scale: Scale,
): Record<'features' | 'rows', Tensor> {
  const [features, rows] = [
    chunks.map((chunk) => chunk.features),
    chunks.map((chunk) => chunk.rows),
  ];
  return {
    features: standardised(features, shape.features, scale),
    rows: standardised(rows, shape.rows, scale, shape.features),
  };
}

/** Computes critics' estimates. */
export interface Judge {
  /** `parameters` are those of the critics, by name. */
  judge(
    chunks: readonly Judged[],
    scale: Scale,
    parameters: Iterable<readonly [string, Tensor]>,
  ): Promise<Judgement[]>;
  close(): Promise<void>;
}

export async function openJudge(shape: ChunkCriticShape, session: SessionConfig): Promise<Judge> {
  const estimate = await openModel(encodeModel(chunkCriticGraph(shape)), session);
  return {
    async judge(chunks, scale, parameters) {
      const weights = Object.fromEntries(parameters);
      const outputs = await estimate.run({ ...judgedInputs(shape, chunks, scale), ...weights });
      const [q, v] = [outputs.q, outputs.v].map(({ data }) => data as Float32Array);
      const edits = shape.edits === undefined ? undefined : (outputs.edits.data as Float32Array);
      const dims = shape.rows / PARTS;
      return chunks.map((_, i) => ({
        q: Array.from({ length: shape.count }, (_, network) => q[network * chunks.length + i]),
        v: v[i],
        ...(shape.discriminates && { f: (outputs.f.data as Float32Array)[i] }),
        ...(edits && { edit: edits.slice(i * dims, (i + 1) * dims) }),
      }));
    },
    close: () => estimate.release(),
  };
}
