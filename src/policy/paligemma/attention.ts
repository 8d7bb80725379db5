import { addDims, multiplyDims } from '../../onnx/dim.ts';
import type { Value } from '../../onnx/graph.ts';
import {
  add,
  cast,
  concat,
  cosine,
  cumulativeSum,
  expand,
  greater,
  minimum,
  multiply,
  negate,
  range,
  reduceSum,
  reshape,
  sine,
  sizeOf,
  softmax,
  split,
  subtract,
  transpose,
} from '../../onnx/operators.ts';
import { product } from '../../onnx/products.ts';
import type { TransformerConfig } from './config.ts';
import type { Attention, Cache, LayerCache, Place } from './network.ts';

/** Added to the logit of what must not be attended to, as the reference does. */
const MASKED = -2.3819763e38;
const ROPE_BASE = 10_000;

/** Angles of rotary embedding at integer positions [.., 1] → [.., headDim/2]. */
export function rotaryAngles(positions: Value, headDim: number): Value {
  const half = headDim / 2;
  const frequencies = Array.from({ length: half }, (_, i) => ROPE_BASE ** (-i / half));
  return multiply(cast(positions, 'float32'), positions.graph.constant('float32', frequencies));
}

/** Cosines and signed sines of rotary positions, each [batch or 1, tokens, heads, headDim]. */
interface Rotation {
  cosine: Value;
  sine: Value;
}

/**
 * Rotary embedding's factors for integer positions [batch, tokens], one for every query head and key
 * head: a multiplication without broadcast is worth their memory.
 */
function rotation(positions: Value, { heads, kvHeads, headDim }: TransformerConfig): Rotation {
  const { graph } = positions;
  const angles = rotaryAngles(reshape(positions, [...positions.shape, 1, 1], positions), headDim);
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

/** [batch, tokens, heads, headDim] → [batch, heads, tokens, headDim]. */
function headsFirst(x: Value): Value {
  const [batch, tokens, heads, headDim] = x.shape;
  if (heads === 1) return reshape(x, [batch, 1, tokens, headDim]);
  return transpose(x, [0, 2, 1, 3]);
}

/** Positions of tokens, the valid ones counted from 0: int64 [batch, tokens], or [1, tokens] if all are. */
function positionsOf(tokens: Value, valid: Value | undefined): Value {
  if (valid) return subtract(cumulativeSum(cast(valid, 'int64'), 1), 1);
  const count = tokens.shape[1];
  return reshape(range(sizeOf(tokens, 1), count), [1, count]);
}

/** 0, 1, … for each token of a sequence: int64 [count]. */
function counted({ count, like }: Pick<Place, 'count' | 'like'>): Value {
  if (typeof count === 'string') return range(sizeOf(like, 1), count);
  return like.graph.constant('int64', [...Array(count).keys()]);
}

/** Positions of tokens that follow a cache: number of its valid tokens + its gap + 0, 1, …; int64 [.., count]. */
function positionsAfter({ valid, layers, gap = 0 }: Cache, place: Place): Value {
  const { keys } = layers[0];
  const past = valid ? reduceSum(cast(valid, 'int64'), [1]) : reshape(sizeOf(keys, 2), [1, 1]);
  const steps = counted(place);
  return add(past, gap === 0 ? steps : add(steps, gap));
}

/** Two caches joined along their tokens. */
export function joinCaches(a: LayerCache, b: LayerCache): LayerCache {
  return { keys: concat([a.keys, b.keys], 2), values: concat([a.values, b.values], 2) };
}

/** 0 where `valid` [batch, keys] holds and hugely negative elsewhere, [batch, 1, 1, keys]. */
function keyMask(valid: Value): Value {
  const [batch, keys] = valid.shape;
  const masked = multiply(subtract(cast(valid, 'float32'), 1), -MASKED);
  return reshape(masked, [batch, 1, 1, keys]);
}

/**
 * The same for tokens behind `before` others, each of which sees all of those and its own sequence up to itself:
 * [rows, keys], a row for each token and head of a key head's group.
 */
function causalMask(before: Value, place: Place, group: number): Value {
  const { count } = place;
  const keys = addDims(before.shape[2], count);
  const own = add(counted(place), sizeOf(before, 2));
  const places = reshape(range(add(sizeOf(before, 2), sizeOf(place.like, 1)), keys), [1, keys]); // prettier-ignore
  const rows = expand(reshape(own, [count, 1]), [1, group]);
  const last = reshape(rows, [multiplyDims(count, group), 1]);
  return multiply(cast(greater(places, last), 'float32'), MASKED);
}

/**
 * Grouped-query attention of queries [batch, tokens, heads, headDim] to a cache, each to every key
 * that `mask`, if any, leaves → [batch·tokens, heads·headDim]. Query heads that share a key head lie beside
 * each other, so each key head takes one product for all its tokens and heads.
 */
function attendTo(
  queries: Value,
  { batch, count, like }: Place,
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

/** Attention by plain operators. Samples may differ in which of their keys count. */
export function plainAttention(place: Place, config: TransformerConfig): Attention {
  const { batch, count, like, past: before, valid, causal = false } = place;
  const { heads, kvHeads, headDim } = config;
  const positions = before ? positionsAfter(before, place) : positionsOf(like, valid);
  const turn = rotation(positions, config);
  const masks = [
    ...(valid ? [keyMask(valid)] : []),
    // A single token has none behind it.
    ...(causal && before && count !== 1
      ? [causalMask(before.layers[0].keys, place, heads / kvHeads)]
      : []),
  ];
  const mask = masks.length > 1 ? minimum(masks[0], masks[1]) : masks.at(0);

  const splitUp = (stacked: Value, past: LayerCache | undefined) => {
    const all = reshape(stacked, [batch, count, heads + 2 * kvHeads, headDim], like);
    const [turned, values] = split(all, 2, [heads + kvHeads, kvHeads]);
    const [queries, keys] = split(rotate(turned, turn), 2, [heads, kvHeads]);
    const own = { keys: headsFirst(keys), values: headsFirst(values) };
    return { queries, cache: past ? joinCaches(past, own) : own };
  };
  return {
    attend(project, past) {
      const { queries, cache } = splitUp(project('all'), past);
      return { attended: attendTo(queries, place, config, cache, mask), cache };
    },
    remember: (project, past) => splitUp(project('all'), past).cache,
  };
}

/** Attention of images' tokens by plain operators. */
export function plainMix([q, k, v]: readonly Value[], heads: number): Value {
  const [images, tokens, width] = q.shape;
  const headDim = (width as number) / heads;
  const apart = (x: Value) => reshape(x, [images, tokens, heads, headDim]);
  const queries = transpose(multiply(apart(q), headDim ** -0.5), [0, 2, 1, 3]);
  const logits = product(queries, transpose(apart(k), [0, 2, 3, 1]));
  const mixed = product(softmax(logits), transpose(apart(v), [0, 2, 1, 3]));
  return reshape(transpose(mixed, [0, 2, 1, 3]), [images, tokens, width]);
}
