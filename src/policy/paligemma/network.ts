import type { PackedMatrix } from '../../onnx/products.ts';
import type { Dim, Shape } from '../../onnx/dim.ts';
import type { Graph, Value } from '../../onnx/graph.ts';
import type { NormedSum } from '../../onnx/fusedOperators.ts';
import type { TransformerConfig } from './config.ts';

/** Gives a weight of the checkpoint as a value: its bytes in a file, or an input while it learns. */
export interface Weights {
  (name: string, shape: Shape): Value;
  /** A matrix that is stored in few bits. */
  packed?: (name: string, shape: readonly [number, number]) => PackedMatrix | undefined;
  /** What an adapter of a matrix adds to its product with `x` [rows, in]: [rows, out]. */
  adapter?: (name: string, shape: Shape, x: Value) => Value | undefined;
  /** What layers are computed with; plain operators where absent. */
  kernels?: Kernels;
}

/** Tokens of a sequence. */
export interface Tokens {
  /** [batch·count, width] or [batch, count, width], as the kernels lay tokens out. */
  x: Value;
  batch: Dim;
  count: Dim;
  /** Any value [batch, ...], which tells sizes at run time; [batch, count, ...] if both are symbolic. */
  like: Value;
}

/** Where a graph's weights come from, once the graph is there. */
export type WeightSource = (graph: Graph) => Weights;

/** Keys and values of one layer, each [batch, kvHeads, tokens, headDim]. */
export interface LayerCache {
  keys: Value;
  values: Value;
}

/** What later tokens attend to: the keys and values of every layer, and which count. */
export interface Cache {
  layers: LayerCache[];
  /** Positions left out between these tokens and those that follow; none where absent. */
  gap?: number;
  /** bool [batch, tokens]: false for padding and for missing cameras. Absent where all tokens count. */
  valid?: Value;
}

/** A sequence of tokens that attend to a past and to each other. */
export interface Place extends Omit<Tokens, 'x'> {
  past?: Cache;
  /** bool [batch, keys]: which keys count, those of the past before those of the tokens; all where absent. */
  valid?: Value;
  /** Whether each token sees those of its own sequence up to itself alone; absent: all of them. */
  causal?: boolean;
}

/** Gives a layer's queries, keys and values beside each other, or its keys and values alone. */
export type Project = (parts: 'all' | 'cache') => Value;

/** Attention of a sequence, for all layers. */
export interface Attention {
  /** What the tokens gather, laid out as they are, [.., heads·headDim], and the past with their keys and values. */
  attend: (project: Project, past?: LayerCache) => { attended: Value; cache: LayerCache };
  /** The past with the tokens' keys and values. */
  remember: (project: Project, past?: LayerCache) => LayerCache;
}

/** A block's result: what is to be added to its tokens. */
export interface Block {
  value: Value;
  /** [width], still to be added. */
  bias?: Value;
}

/**
 * What layers are computed with: plain operators, which can be differentiated, or ONNX Runtime's fused ones,
 * which are fewer and larger.
 */
export interface Kernels {
  /** Tokens [batch·count, width] as the layers take them. */
  layOut: (x: Value, sequence: Omit<Tokens, 'x'>) => Value;
  /** x·Wᵀ + b, with W [out, in]. */
  linear: (x: Value, weight: Value, bias?: Value) => Value;
  /** The same with a matrix in few bits. */
  packedLinear: (x: Value, weight: PackedMatrix, bias?: Value) => Value;
  /** The same, where a sum with tokens follows. */
  block: (product: (bias?: Value) => Value, bias: Value) => Block;
  /** The tanh form of GELU of a product with a bias. */
  gelu: (product: (bias?: Value) => Value, bias: Value) => Value;
  /** x + y and its RMS norm, times `scale` [width] if given. */
  rmsNormOfSum: (x: Value, y: Value, scale: Value | undefined, epsilon: number) => NormedSum;
  /** x + block and its layer norm. */
  layerNormOfSum: (x: Value, y: Block, scale: Value, bias: Value, epsilon: number) => NormedSum;
  attention: (place: Place, config: TransformerConfig) => Attention;
  /** Self-attention of tokens [images, tokens, width] by projections to queries, keys and values. */
  imageAttention: (x: Value, projections: readonly Projection[], heads: number) => Value;
  /** The same, from queries, keys and values [images, tokens, width]. */
  mix: (projected: readonly Value[], heads: number) => Value;
}

/** A dense layer's weight [out, in] and bias [out]. */
export interface Projection {
  weight: Value;
  bias: Value;
}
