import type { PackedMatrix } from '../../../onnx/products.ts';
import type { Dim, Shape } from '../../../onnx/dim.ts';
import type { Graph, Value } from '../../../onnx/graph.ts';

/** Gives a weight of the checkpoint as a value: its bytes in a file, or an input while it learns. */
export interface Weights {
  (name: string, shape: Shape): Value;
  /** A matrix that is stored in few bits. */
  packed?: (name: string, shape: readonly [number, number]) => PackedMatrix | undefined;
  /** What an adapter of a matrix adds to its product with `x` [rows, in]: [rows, out]. */
  adapter?: (name: string, shape: Shape, x: Value) => Value | undefined;
}

/** Tokens of a sequence, laid out flat so that dense layers take them as they are. */
export interface Tokens {
  /** [batch·count, width] */
  x: Value;
  batch: Dim;
  count: Dim;
  /** Any value [batch, ...], which tells sizes at run time; [batch, count, ...] if both are symbolic. */
  like: Value;
}

/** Where a graph's weights come from, once the graph is there. */
export type WeightSource = (graph: Graph) => Weights;
