import { toFloat32 } from './dtype.ts';
import { type TensorEntry, loadTensors } from './safetensors.ts';

/** A LoRA adapter of one weight W [out, …in]: W + scale · B·A. */
export interface LowRank {
  /** A [rank, …in]; for an embedding, B [columns, rank]. */
  down: TensorEntry;
  /** B [out, rank, …]; for an embedding, A [rank, rows]. */
  up: TensorEntry;
  rank: number;
  scale: number;
  /** Whether both are stored transposed, as PEFT does for embeddings. */
  isEmbedding: boolean;
}

function transposed(matrix: Float32Array, rows: number): Float32Array {
  const columns = matrix.length / rows;
  return Float32Array.from(matrix, (_, i) => matrix[(i % rows) * columns + Math.floor(i / rows)]);
}

/**
 * Adds the adapter in place to consecutive rows of its weight, float32 [rows, features]; `first` is the index
 * of the first row.
 */
export type Merge = (rows: Float32Array, first: number) => void;

/** Loads an adapter for merging; sums are accumulated in float64. */
export async function loadMerge(adapter: LowRank): Promise<Merge> {
  const { rank, scale, isEmbedding } = adapter;
  const [down, up] = (await loadTensors([adapter.down, adapter.up])).map(toFloat32);
  // Both row-major: A [rank, features], B [out, rank].
  const a = isEmbedding ? transposed(down, down.length / rank) : down;
  const b = isEmbedding ? transposed(up, rank) : up;
  const features = a.length / rank;
  const sum = new Float64Array(features);
  return (rows, first) => {
    for (let row = 0; row < rows.length / features; row++) {
      sum.fill(0);
      for (let k = 0; k < rank; k++) {
        const factor = scale * b[(first + row) * rank + k];
        for (let j = 0; j < features; j++) sum[j] += factor * a[k * features + j];
      }
      for (let j = 0; j < features; j++) rows[row * features + j] += sum[j];
    }
  };
}
