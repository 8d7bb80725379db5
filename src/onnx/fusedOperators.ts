import { type Dim, type Shape, addDims, sameShape } from './dim.ts';
import { type Attribute, type Value, innermostGraph } from './graph.ts';
import { cast, concat, describe, requireFloat, transpose } from './operators.ts';

/**
 * ONNX Runtime's own operators (domain com.microsoft), each instead of several standard ones. They have no
 * gradients. Tokens are [batch, tokens, width].
 */
const fused = (
  op: string,
  inputs: readonly (Value | undefined)[],
  outputs: readonly Shape[],
  attributes: Record<string, Attribute>,
): Value[] => {
  const [{ type }] = inputs as [Value];
  const results = outputs.map((shape) => ({ type, shape }));
  return innermostGraph(inputs).node(`com.microsoft:${op}`, inputs, results, attributes);
};

const float = (value: number): Attribute => ({ float: value });
const int = (value: number): Attribute => ({ int: value });

/** `x·Wᵀ` over the last axis, with W [out, in], in the graph's product type; the result has x's type. */
export function fusedLinear(x: Value, weight: Value): Value {
  const graph = innermostGraph([x, weight]);
  requireFloat('FusedMatMul', x, weight);
  if (x.shape.at(-1) !== weight.shape[1])
    graph.fail('FusedMatMul', `${describe(x)} does not fit weights ${describe(weight)} [out, in]`);
  const { products = x.type } = graph;
  const shape = [...x.shape.slice(0, -1), weight.shape[0]];
  const factors = [cast(x, products), cast(weight, products)];
  const [y] = fused('FusedMatMul', factors, [shape], { transB: int(1) });
  return cast(y, x.type);
}

/** A sum of tokens and its norm. */
export interface NormedSum {
  sum: Value;
  normed: Value;
}

/** x + y and its RMS norm, times `scale` [width] if given. */
export function skipRmsNorm(
  x: Value,
  y: Value,
  scale: Value | undefined,
  epsilon: number,
): NormedSum {
  const width = x.shape.at(-1) as number;
  scale ??= x.graph.constant(x.type, new Array<number>(width).fill(1));
  checkSkip('SkipSimplifiedLayerNormalization', x, y, [scale]);
  const outputs = new Array<Shape>(4).fill(x.shape);
  const inputs = [x, y, scale];
  const op = 'SkipSimplifiedLayerNormalization';
  const [normed, , , sum] = fused(op, inputs, outputs, { epsilon: float(epsilon) });
  return { sum, normed };
}

/** x + y + `offset` and its layer norm, all of scale, bias and offset [width]. */
export function skipLayerNorm(
  x: Value,
  y: Value,
  { scale, bias, offset }: { scale: Value; bias: Value; offset?: Value },
  epsilon: number,
): NormedSum {
  checkSkip('SkipLayerNormalization', x, y, offset ? [scale, bias, offset] : [scale, bias]);
  const outputs = new Array<Shape>(4).fill(x.shape);
  const inputs = [x, y, scale, bias, offset];
  const op = 'SkipLayerNormalization';
  const [normed, , , sum] = fused(op, inputs, outputs, { epsilon: float(epsilon) });
  return { sum, normed };
}

function checkSkip(op: string, x: Value, y: Value, vectors: readonly Value[]): void {
  const fits = sameShape(x.shape, y.shape) && x.type === y.type;
  const width = [x.shape.at(-1) ?? 1];
  if (!fits || vectors.some(({ shape, type }) => !sameShape(shape, width) || type !== x.type))
    innermostGraph([x, y]).fail(
      op,
      `shapes differ: ${[x, y, ...vectors].map(describe).join(', ')}`,
    );
}

/** GELU in its tanh form of x + `bias` [width]. */
export const biasedGelu = (x: Value, bias: Value): Value =>
  fused('FastGelu', [x, bias], [x.shape], {})[0];

/**
 * Self-attention with its projections: x [batch, tokens, width] and three weights [width, width] with their biases
 * [width] → [batch, tokens, width].
 */
export function projectedAttention(
  x: Value,
  weights: readonly Value[],
  biases: readonly Value[],
  heads: number,
): Value {
  const { products = x.type } = innermostGraph([x, ...weights]);
  const stacked = concat(weights, 0); // prettier-ignore
  const inputs = [x, transpose(stacked, [1, 0]), concat(biases, 0)]; // prettier-ignore
  const typed = inputs.map((input) => cast(input, products));
  const [y] = fused('Attention', typed, [x.shape], { num_heads: int(heads) });
  return cast(y, x.type);
}

/** Attention of queries, keys and values, each [batch, tokens, width]. */
export function multiHeadAttention(projected: readonly Value[], heads: number): Value {
  const [{ type, shape }] = projected;
  const { products = type } = innermostGraph(projected);
  const typed = projected.map((part) => cast(part, products));
  const [y] = fused('MultiHeadAttention', typed, [shape], { num_heads: int(heads) });
  return cast(y, type);
}

/** Where the tokens of a sequence stand among all keys, as grouped-query attention takes it. */
export interface Standing {
  /** int32 [1]: index of the last key. */
  last: Value;
  /** int32 scalar: number of keys. */
  total: Value;
  /** [keys, headDim/2]: cosines and sines of every key's rotation. */
  cosines: Value;
  sines: Value;
}

export interface HeadCounts {
  heads: number;
  kvHeads: number;
  headDim: number;
}

/**
 * Grouped-query attention with rotary embedding: each token attends to the past and to all tokens. `stacked`
 * [batch, tokens, (heads + 2·kvHeads)·headDim] holds queries, keys and values beside each other; keys and values
 * are [batch, kvHeads, …, headDim]. ONNX Runtime takes a batch of 1 and a headDim that is a multiple of 16.
 * Returns [batch, tokens, heads·headDim] and the keys and values with those of the tokens behind the past ones.
 */
export function groupedQueryAttention(
  stacked: Value,
  past: { keys: Value; values: Value } | undefined,
  { last, total, cosines, sines }: Standing,
  { heads, kvHeads, headDim }: HeadCounts,
): { attended: Value; keys: Value; values: Value } {
  const [batch, tokens, width] = stacked.shape;
  if (width !== (heads + 2 * kvHeads) * headDim)
    innermostGraph([stacked]).fail('GroupQueryAttention', `${describe(stacked)} is not ${heads} + 2·${kvHeads} heads of ${headDim}`); // prettier-ignore
  const keys: Dim = past ? addDims(past.keys.shape[2], tokens) : tokens;
  const cache = [batch, kvHeads, keys, headDim];
  const [attended, allKeys, allValues] = fused(
    'GroupQueryAttention',
    [stacked, undefined, undefined, past?.keys, past?.values, last, total, cosines, sines],
    [[batch, tokens, heads * headDim], cache, cache],
    {
      num_heads: int(heads),
      kv_num_heads: int(kvHeads),
      do_rotary: int(1),
      causal: int(0),
    },
  );
  return { attended, keys: allKeys, values: allValues };
}

/** Rotary embedding of heads [batch, tokens, heads·headDim] that stand at `offset` (int64 [1]) and behind it. */
export const rotaryEmbedding = (
  x: Value,
  offset: Value,
  { cosines, sines }: Pick<Standing, 'cosines' | 'sines'>,
): Value => fused('RotaryEmbedding', [x, offset, cosines, sines], [x.shape], {})[0];
