import { type Shape, multiplyDims } from '../../onnx/dim.ts';
import type { Value } from '../../onnx/graph.ts';
import {
  add,
  cast,
  concat,
  cosine,
  divide,
  geluTanh,
  linear,
  matmul,
  multiply,
  power,
  reduceMean,
  reshape,
  sine,
  softmax,
  split,
  squareRoot,
  subtract,
  transpose,
} from '../../onnx/operators.ts';
import type { TransformerConfig } from './config.ts';

/** Gives a weight of the checkpoint as a value: its bytes in a file, or an input while it learns. */
export type Weights = (name: string, shape: Shape) => Value;

/** Added to the logit of what must not be attended to, as the reference does. */
const MASKED = -2.3819763e38;
const RMS_EPSILON = 1e-6;
const ROPE_BASE = 10_000;

/** Dense layer under `name`: [..., in] → [..., out]. */
export function dense(weights: Weights, name: string, x: Value, out: number, bias = true): Value {
  const features = x.shape.at(-1) as number;
  const weight = weights(`${name}.weight`, [out, features]);
  return linear(x, weight, bias ? weights(`${name}.bias`, [out]) : undefined);
}

/** Gemma's RMS norm, whose stored scale is an offset from 1. */
export function rmsNorm(weights: Weights, name: string, x: Value): Value {
  const scale = add(weights(`${name}.weight`, [x.shape.at(-1) ?? 1]), 1);
  const meanSquare = reduceMean(power(x, 2), [-1]);
  return multiply(divide(x, squareRoot(add(meanSquare, RMS_EPSILON))), scale);
}

/** Gemma's gated MLP: down(gelu(gate(x)) · up(x)). */
export function gatedMlp(weights: Weights, name: string, x: Value, hidden: number): Value {
  const gate = dense(weights, `${name}.gate_proj`, x, hidden, false);
  const up = dense(weights, `${name}.up_proj`, x, hidden, false);
  const width = x.shape.at(-1) as number;
  return dense(weights, `${name}.down_proj`, multiply(geluTanh(gate), up), width, false);
}

/** Cosines and sines of rotary positions, each [batch, tokens, 1, headDim / 2]. */
export interface Rotation {
  cosine: Value;
  sine: Value;
}

/** Rotary embedding's angles for integer positions [batch, tokens]. */
export function rotation(positions: Value, headDim: number): Rotation {
  const half = headDim / 2;
  const frequencies = Array.from({ length: half }, (_, i) => ROPE_BASE ** (-i / half));
  const at = reshape(cast(positions, 'float32'), [...positions.shape, 1, 1], positions);
  const angles = multiply(at, positions.graph.constant('float32', frequencies));
  return { cosine: cosine(angles), sine: sine(angles) };
}

/** Turns the halves of each head [batch, tokens, heads, headDim] by their positions' angles. */
function rotate(x: Value, { cosine, sine }: Rotation): Value {
  const half = (x.shape[3] as number) / 2;
  const [a, b] = split(x, 3, [half, half]);
  return concat(
    [subtract(multiply(a, cosine), multiply(b, sine)), add(multiply(b, cosine), multiply(a, sine))],
    3,
  );
}

/** Keys and values of one layer, each [batch, kvHeads, tokens, headDim]. */
export interface LayerCache {
  keys: Value;
  values: Value;
}

/** [batch, tokens, heads, headDim] → [batch, heads, tokens, headDim]. */
function headsFirst(x: Value): Value {
  const [batch, tokens, heads, headDim] = x.shape;
  if (heads === 1) return reshape(x, [batch, 1, tokens, headDim]);
  return transpose(x, [0, 2, 1, 3]);
}

function project(weights: Weights, name: string, x: Value, heads: number, headDim: number): Value {
  const flat = dense(weights, name, x, heads * headDim, false);
  return reshape(flat, [x.shape[0], x.shape[1], heads, headDim]);
}

/** Keys (rotated) and values that these tokens offer to attention. */
export function keysAndValues(
  weights: Weights,
  name: string,
  x: Value,
  { kvHeads, headDim }: TransformerConfig,
  rotation: Rotation,
): LayerCache {
  const keys = rotate(project(weights, `${name}.k_proj`, x, kvHeads, headDim), rotation);
  const values = project(weights, `${name}.v_proj`, x, kvHeads, headDim);
  return { keys: headsFirst(keys), values: headsFirst(values) };
}

/** Two caches joined along their tokens. */
export function joinCaches(a: LayerCache, b: LayerCache): LayerCache {
  return { keys: concat([a.keys, b.keys], 2), values: concat([a.values, b.values], 2) };
}

/** 0 where `valid` [batch, keys] holds and hugely negative elsewhere, [batch, 1, 1, keys]. */
export function keyMask(valid: Value): Value {
  const [batch, keys] = valid.shape;
  const masked = multiply(subtract(cast(valid, 'float32'), 1), -MASKED);
  return reshape(masked, [batch, 1, 1, keys]);
}

/**
 * Grouped-query attention of tokens [batch, tokens, width] to a cache, each token to every key that
 * `mask` leaves. Query heads that share a key head lie beside each other, so each key head takes one
 * product for all its tokens and heads.
 */
export function attend(
  weights: Weights,
  name: string,
  x: Value,
  { heads, kvHeads, headDim }: TransformerConfig,
  rotation: Rotation,
  { keys, values }: LayerCache,
  mask: Value,
): Value {
  const [batch, tokens, width] = x.shape;
  const group = heads / kvHeads;
  const queries = rotate(project(weights, `${name}.q_proj`, x, heads, headDim), rotation);
  const scaled = multiply(queries, headDim ** -0.5);
  const rows = multiplyDims(tokens, group);
  const grouped =
    kvHeads === 1
      ? scaled
      : transpose(reshape(scaled, [batch, tokens, kvHeads, group, headDim], x), [0, 2, 1, 3, 4]);
  const asRows = reshape(grouped, [batch, kvHeads, rows, headDim], x);
  const logits = matmul(asRows, transpose(keys, [0, 1, 3, 2]));
  const weightsOfKeys = softmax(add(logits, mask));
  const mixed = matmul(weightsOfKeys, values);
  const perToken =
    kvHeads === 1
      ? mixed
      : transpose(reshape(mixed, [batch, kvHeads, tokens, group, headDim], x), [0, 2, 1, 3, 4]);
  const flat = reshape(perToken, [batch, tokens, heads * headDim], x);
  return dense(weights, `${name}.o_proj`, flat, width as number, false);
}
