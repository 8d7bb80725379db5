import type { Tokens, Weights } from './network.ts';
import { type Shape, multiplyDims } from '../../../onnx/dim.ts';
import type { Value } from '../../../onnx/graph.ts';
import {
  add,
  cast,
  concat,
  cosine,
  geluTanh,
  multiply,
  negate,
  reshape,
  sine,
  softmax,
  split,
  subtract,
  transpose,
} from '../../../onnx/operators.ts';
import {
  linear,
  linearIn,
  type PackedMatrix,
  packedLinear,
  product,
} from '../../../onnx/products.ts';
import type { TransformerConfig } from './config.ts';
import { type Modulations, addBlock, normTokens } from './norms.ts';

/** A weight that takes part otherwise than in a matrix product. */
export const vector = (weights: Weights, name: string, shape: Shape): Value =>
  cast(weights(name, shape), 'float32');

const withAdded = (x: Value, added: Value | undefined) => (added ? add(x, added) : x);

/** Added to the logit of what must not be attended to, as the reference does. */
const MASKED = -2.3819763e38;
const ROPE_BASE = 10_000;

/** Dense layer under `name`: [..., in] → [..., out]. */
export function dense(weights: Weights, name: string, x: Value, out: number, bias = true): Value {
  const shape = [out, x.shape.at(-1) as number] as const;
  const offset = bias ? weights(`${name}.bias`, [out]) : undefined;
  const packed = weights.packed?.(`${name}.weight`, shape);
  const y = packed
    ? packedLinear(x, packed, offset)
    : linear(x, weights(`${name}.weight`, shape), offset);
  return withAdded(y, weights.adapter?.(`${name}.weight`, shape, x));
}

/** The same in x's type whatever the graph's: what the reference computes in float32 beside its half-precision layers. */
export function preciseDense(weights: Weights, name: string, x: Value, out: number): Value {
  const weight = weights(`${name}.weight`, [out, x.shape.at(-1) as number]);
  return linearIn(x.type, x, weight, weights(`${name}.bias`, [out]));
}

/** Gemma's gated MLP: down(gelu(gate(x)) · up(x)). */
function gatedMlp(weights: Weights, name: string, x: Value, hidden: number): Value {
  const gate = dense(weights, `${name}.gate_proj`, x, hidden, false);
  const up = dense(weights, `${name}.up_proj`, x, hidden, false);
  const width = x.shape.at(-1) as number;
  return dense(weights, `${name}.down_proj`, multiply(geluTanh(gate), up), width, false);
}

/** Cosines and signed sines of rotary positions, each [batch or 1, tokens, heads, headDim]. */
export interface Rotation {
  cosine: Value;
  sine: Value;
}

/**
 * Rotary embedding's factors for integer positions [batch, tokens], one for every query head and key
 * head: a multiplication without broadcast is worth their memory.
 */
export function rotation(
  positions: Value,
  { heads, kvHeads, headDim }: TransformerConfig,
): Rotation {
  const { graph } = positions;
  const half = headDim / 2;
  const frequencies = Array.from({ length: half }, (_, i) => ROPE_BASE ** (-i / half));
  const at = reshape(cast(positions, 'float32'), [...positions.shape, 1, 1], positions);
  const angles = multiply(at, graph.constant('float32', frequencies));
  const rotated = heads + kvHeads;
  const everyHead = graph.constant('float32', new Array<number>(rotated * headDim).fill(1), [
    rotated,
    headDim,
  ]);
  const [cosines, sines] = [cosine(angles), sine(angles)];
  return {
    cosine: multiply(concat([cosines, cosines], 3), everyHead),
    sine: multiply(concat([negate(sines), sines], 3), everyHead),
  };
}

/** Turns the halves of each head [batch, tokens, heads, headDim] against each other. */
function rotate(x: Value, { cosine, sine }: Rotation): Value {
  const half = (x.shape[3] as number) / 2;
  const [a, b] = split(x, 3, [half, half]);
  return add(multiply(x, cosine), multiply(concat([b, a], 3), sine));
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

/** Matrices of few bits above each other; undefined unless all of them are such. */
function stackPacked(parts: readonly (PackedMatrix | undefined)[]): PackedMatrix | undefined {
  if (!parts.every((part) => part !== undefined)) return undefined;
  const [first] = parts;
  const rows = parts.reduce((sum, { shape }) => sum + shape[0], 0);
  return {
    ...first,
    shape: [rows, first.shape[1]],
    elements: concat(parts.map(({ elements }) => elements), 0), // prettier-ignore
    scales: concat(parts.map(({ scales }) => scales), 0), // prettier-ignore
  };
}

/**
 * Queries [batch, tokens, heads, headDim] and the keys and values that these tokens offer, from one
 * product with the three weights stacked.
 */
function project(
  weights: Weights,
  name: string,
  { x, batch, count, like }: Tokens,
  { heads, kvHeads, headDim }: TransformerConfig,
  turn: Rotation,
): { queries: Value; own: LayerCache } {
  const width = x.shape[1] as number;
  const sizes = Object.entries({ q_proj: heads, k_proj: kvHeads, v_proj: kvHeads });
  const each = <T>(give: (name: string, shape: readonly [number, number]) => T) =>
    sizes.map(([part, n]) => give(`${name}.${part}.weight`, [n * headDim, width]));
  const packed = stackPacked(each((...weight) => weights.packed?.(...weight)));
  const stacked = packed
    ? packedLinear(x, packed)
    : linear(x, concat(each((...weight) => weights(...weight)), 0)); // prettier-ignore
  const added = each((weight, shape) => weights.adapter?.(weight, shape, x));
  const adapted = added.every((part) => part !== undefined) ? concat(added, 1) : undefined;
  const all = reshape(
    withAdded(stacked, adapted),
    [batch, count, heads + 2 * kvHeads, headDim],
    like,
  );
  const [turned, values] = split(all, 2, [heads + kvHeads, kvHeads]);
  const [queries, keys] = split(rotate(turned, turn), 2, [heads, kvHeads]);
  return { queries, own: { keys: headsFirst(keys), values: headsFirst(values) } };
}

/** Two caches joined along their tokens. */
function joinCaches(a: LayerCache, b: LayerCache): LayerCache {
  return { keys: concat([a.keys, b.keys], 2), values: concat([a.values, b.values], 2) };
}

/** 0 where `valid` [batch, keys] holds and hugely negative elsewhere, [batch, 1, 1, keys]. */
export function keyMask(valid: Value): Value {
  const [batch, keys] = valid.shape;
  const masked = multiply(subtract(cast(valid, 'float32'), 1), -MASKED);
  return reshape(masked, [batch, 1, 1, keys]);
}

/**
 * Grouped-query attention of queries [batch, tokens, heads, headDim] to a cache, each to every key
 * that `mask`, if any, leaves → [batch·tokens, heads·headDim]. Query heads that share a key head lie beside
 * each other, so each key head takes one product for all its tokens and heads.
 */
function attend(
  queries: Value,
  { batch, count, like }: Tokens,
  { heads, kvHeads, headDim }: TransformerConfig,
  { keys, values }: LayerCache,
  mask: Value | undefined,
): Value {
  const group = heads / kvHeads;
  const grouped =
    kvHeads === 1
      ? queries
      : transpose(reshape(queries, [batch, count, kvHeads, group, headDim], like), [0, 2, 1, 3, 4]);
  const rows = reshape(grouped, [batch, kvHeads, multiplyDims(count, group), headDim], like);
  const logits = product(multiply(rows, headDim ** -0.5), transpose(keys, [0, 1, 3, 2]));
  const mixed = product(softmax(mask ? add(logits, mask) : logits), values);
  const perToken =
    kvHeads === 1
      ? mixed
      : transpose(reshape(mixed, [batch, kvHeads, count, group, headDim], like), [0, 2, 1, 3, 4]);
  return reshape(perToken, [multiplyDims(batch, count), heads * headDim]);
}

/**
 * One layer of Gemma: tokens attend to `past` and to themselves, then pass the gated MLP. Returns
 * the tokens after it and the cache with theirs added; a layer whose tokens nobody reads is cut off
 * after its keys and values.
 */
function decoderLayer(
  weights: Weights,
  { name, modulations }: { name: string; modulations?: Modulations },
  tokens: Tokens,
  config: TransformerConfig,
  turn: Rotation,
  past: LayerCache | undefined,
  mask: Value | undefined,
  cutOff: boolean,
): { x: Value; cache: LayerCache } {
  const [before, between] = [`${name}.input_layernorm`, `${name}.post_attention_layernorm`];
  const normed = normTokens(weights, before, tokens, modulations);
  const attention = `${name}.self_attn`;
  const { queries, own } = project(weights, attention, { ...tokens, x: normed }, config, turn);
  const cache = past ? joinCaches(past, own) : own;
  if (cutOff) return { x: tokens.x, cache };
  const attended = attend(queries, tokens, config, cache, mask);
  const seen = dense(weights, `${attention}.o_proj`, attended, config.width, false);
  const x = addBlock(tokens, seen, modulations?.get(before));
  const inner = normTokens(weights, between, { ...tokens, x }, modulations);
  const thought = gatedMlp(weights, `${name}.mlp`, inner, config.mlp);
  return { x: addBlock({ ...tokens, x }, thought, modulations?.get(between)), cache };
}

/**
 * All layers of a Gemma under `name`, each attending to its own part of `past` and to the tokens
 * themselves. Where nobody reads the last layer's tokens it is cut off after its keys and values.
 */
export function decoderLayers(
  weights: Weights,
  { name, scope, modulations }: { name: string; scope: string; modulations?: Modulations },
  tokens: Tokens,
  config: TransformerConfig,
  turn: Rotation,
  past: readonly LayerCache[] | undefined,
  mask: Value | undefined,
  cutOff: boolean,
): { x: Value; layers: LayerCache[] } {
  const layers: LayerCache[] = [];
  let { x } = tokens;
  for (let layer = 0; layer < config.depth; layer++) {
    const last = cutOff && layer === config.depth - 1;
    const result = x.graph.scope(`${scope}.${layer}`, () =>
      decoderLayer(
        weights,
        { name: `${name}.layers.${layer}`, modulations },
        { ...tokens, x },
        config,
        turn,
        past?.[layer],
        mask,
        last,
      ),
    );
    layers.push(result.cache);
    x = result.x;
  }
  return { x, layers };
}
