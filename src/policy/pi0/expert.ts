import type { Value } from '../../onnx/graph.ts';
import {
  add,
  cast,
  concat,
  cosine,
  divide,
  linear,
  multiply,
  padEnd,
  reshape,
  silu,
  sine,
  slice,
} from '../../onnx/operators.ts';
import type { Pi0Config } from './config.ts';
import {
  type LayerCache,
  type Weights,
  attend,
  dense,
  gatedMlp,
  joinCaches,
  keyMask,
  keysAndValues,
  rmsNorm,
  rotation,
} from './layers.ts';
import { type Cache, positionsAfter } from './prefix.ts';

const EXPERT = 'paligemma_with_expert.gemma_expert.model';

/**
 * Runs tokens [batch, count, width] through the expert, each attending to the cache and to all of
 * the tokens. Returns their last hidden state, and the cache with their keys and values added.
 */
function runExpert(weights: Weights, tokens: Value, cache: Cache, config: Pi0Config) {
  const { expert } = config;
  const count = tokens.shape[1] as number;
  const turn = rotation(positionsAfter(cache.valid, count), expert.headDim);
  const valid = padEnd(cache.valid, 1, count, 1);
  const mask = keyMask(valid);
  const layers: LayerCache[] = [];
  let x = tokens;
  for (let layer = 0; layer < expert.depth; layer++) {
    const name = `${EXPERT}.layers.${layer}`;
    x = tokens.graph.scope(`expert.${layer}`, () => {
      const normed = rmsNorm(weights, `${name}.input_layernorm`, x);
      const own = keysAndValues(weights, `${name}.self_attn`, normed, expert, turn);
      const joined = joinCaches(cache.layers[layer], own);
      layers.push(joined);
      const y = add(x, attend(weights, `${name}.self_attn`, normed, expert, turn, joined, mask));
      const inner = rmsNorm(weights, `${name}.post_attention_layernorm`, y);
      return add(y, gatedMlp(weights, `${name}.mlp`, inner, expert.mlp));
    });
  }
  return { hidden: x, cache: { layers, valid } };
}

/**
 * Adds the state's token to a prefix cache. It sees the prefix and itself, never the actions, so one
 * encoding serves every denoising step. `state` [batch, stateDim], normalised.
 */
export function encodeState(
  weights: Weights,
  state: Value,
  prefix: Cache,
  config: Pi0Config,
): Cache {
  return state.graph.scope('state', () => {
    const token = dense(weights, 'state_proj', state, config.expert.width);
    const [batch, width] = token.shape;
    return runExpert(weights, reshape(token, [batch, 1, width]), prefix, config).cache;
  });
}

/** Sines and cosines of flow times [n] → [n, width], computed in float64 (openpi's periods). */
export function embedTime(time: Value, { expert, minPeriod, maxPeriod }: Pi0Config): Value {
  const half = expert.width / 2;
  const frequencies = Array.from(
    { length: half },
    (_, i) =>
      (2 * Math.PI) / (minPeriod * (maxPeriod / minPeriod) ** (half > 1 ? i / (half - 1) : 0)),
  );
  const { graph } = time;
  const angles = multiply(
    reshape(cast(time, 'float64'), [time.shape[0], 1]),
    graph.constant('float64', frequencies),
  );
  return cast(concat([sine(angles), cosine(angles)], 1), 'float32');
}

/** The part of `action_time_mlp_in` that times [n] feed: [n, width], bias included. */
export function projectTime(weights: Weights, time: Value, config: Pi0Config): Value {
  const { width } = config.expert;
  const weight = weights('action_time_mlp_in.weight', [width, 2 * width]);
  const bias = weights('action_time_mlp_in.bias', [width]);
  return linear(embedTime(time, config), slice(weight, 1, width, 2 * width), bias);
}

/**
 * Velocity of noisy actions `x` [batch, horizon, actionDim] given their projected time, which
 * broadcasts to [batch, horizon, width] (one time a sample, or one a token), and the cache of prefix
 * and state. Velocity = noise − action, as openpi has it.
 */
export function denoise(
  weights: Weights,
  x: Value,
  projectedTime: Value,
  cache: Cache,
  config: Pi0Config,
): Value {
  const { width } = config.expert;
  const weight = weights('action_time_mlp_in.weight', [width, 2 * width]);
  const actions = dense(weights, 'action_in_proj', x, width);
  const mixed = silu(add(linear(actions, slice(weight, 1, 0, width)), projectedTime));
  const tokens = dense(weights, 'action_time_mlp_out', mixed, width);
  const { hidden } = runExpert(weights, tokens, cache, config);
  const normed = rmsNorm(weights, `${EXPERT}.norm`, hidden);
  return dense(weights, 'action_out_proj', normed, config.actionDim);
}

/** Flow times 1, 1 − 1/n, … of n Euler steps, float32 [steps], from their indices (int64). */
export function stepTimes(indices: Value, steps: Value): Value {
  const fraction = divide(cast(indices, 'float64'), cast(steps, 'float64'));
  return cast(add(multiply(fraction, -1), 1), 'float32');
}
