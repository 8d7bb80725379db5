import { multiplyDims } from '../../onnx/dim.ts';
import type { Value } from '../../onnx/graph.ts';
import {
  add,
  cast,
  concat,
  cosine,
  divide,
  linear,
  multiply,
  pad,
  reshape,
  silu,
  sine,
  slice,
} from '../../onnx/operators.ts';
import type { Pi0Config } from './config.ts';
import { type Weights, decoderLayers, dense, keyMask, rmsNorm, rotation } from './layers.ts';
import { type Cache, positionsAfter } from './prefix.ts';

const EXPERT = 'paligemma_with_expert.gemma_expert.model';

/**
 * Runs `count` tokens a sample, [batch·count, width], through the expert, each attending to the cache
 * and to all of them. Returns their last hidden state, and the cache with their keys and values added.
 */
function runExpert(
  weights: Weights,
  tokens: Value,
  count: number,
  past: Cache,
  { expert }: Pi0Config,
  cutOff = false,
): { hidden: Value; cache: Cache } {
  const { keys } = past.layers[0];
  const [batch] = keys.shape;
  const turn = rotation(positionsAfter(past, count), expert);
  const valid = past.valid && pad(past.valid, 1, 0, count, 1);
  const mask = valid && keyMask(valid);
  const sequence = { x: tokens, batch, count, like: keys };
  const part = { name: EXPERT, scope: 'expert' };
  const { x, layers } = decoderLayers(
    weights,
    part,
    sequence,
    expert,
    turn,
    past.layers,
    mask,
    cutOff,
  );
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
    return runExpert(weights, token, 1, prefix, config, true).cache;
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
  const { horizon, actionDim } = config;
  const { width } = config.expert;
  const [batch] = x.shape;
  const rows = multiplyDims(batch, horizon);
  const weight = weights('action_time_mlp_in.weight', [width, 2 * width]);
  const actions = dense(weights, 'action_in_proj', reshape(x, [rows, actionDim]), width);
  const mixed = reshape(linear(actions, slice(weight, 1, 0, width)), [batch, horizon, width]);
  const timed = reshape(silu(add(mixed, projectedTime)), [rows, width]);
  const tokens = dense(weights, 'action_time_mlp_out', timed, width);
  const { hidden } = runExpert(weights, tokens, horizon, cache, config);
  const normed = rmsNorm(weights, `${EXPERT}.norm`, hidden);
  return reshape(dense(weights, 'action_out_proj', normed, actionDim), x.shape);
}

/** Flow times 1, 1 − 1/n, … of n Euler steps, float32 [steps], from their indices (int64). */
export function stepTimes(indices: Value, steps: Value): Value {
  const fraction = divide(cast(indices, 'float64'), cast(steps, 'float64'));
  return cast(add(multiply(fraction, -1), 1), 'float32');
}
