import { type Shape, multiplyDims } from '../../../onnx/dim.ts';
import type { Value } from '../../../onnx/graph.ts';
import {
  add,
  cast,
  concat,
  cosine,
  multiply,
  pad,
  reshape,
  silu,
  sine,
  slice,
  subtract,
} from '../../../onnx/operators.ts';
import { linearIn } from '../../../onnx/products.ts';
import type { Pi0Config } from './config.ts';
import { decoderLayers, preciseDense } from '../../paligemma/layers.ts';
import { EXPERT, modulationsOf, projectCondition } from './modulation.ts';
import { type Addition, type Modulations, normOfSum } from '../../paligemma/norms.ts';
import type { Cache, Tokens, Weights } from '../../paligemma/network.ts';

/**
 * Runs `count` tokens a sample, [batch·count, width], through the expert, each attending to the cache
 * and to all of them. Returns them with their last hidden state, and the cache with their keys and values
 * added.
 */
function runExpert(
  weights: Weights,
  tokens: Value,
  count: number,
  past: Cache,
  { expert }: Pi0Config,
  { cutOff = false, modulations }: { cutOff?: boolean; modulations?: Modulations } = {},
): { hidden: Tokens; addition?: Addition; cache: Cache } {
  const { keys } = past.layers[0];
  const [batch] = keys.shape;
  const valid = past.valid && pad(past.valid, 1, 0, count, 1);
  const sequence = { x: tokens, batch, count, like: keys };
  const part = { name: EXPERT, scope: 'expert', modulations };
  const { x, addition, layers } = decoderLayers(weights, part, sequence, expert, {
    past,
    valid,
    cutOff,
  });
  return { hidden: { ...sequence, x }, addition, cache: { layers, valid } };
}

/**
 * Adds the state's token of π0 to a prefix cache. It sees the prefix and itself, never the actions, so one
 * encoding serves every denoising step. `state` [batch, stateDim], normalised.
 */
export function encodeState(
  weights: Weights,
  state: Value,
  prefix: Cache,
  config: Pi0Config,
): Cache {
  return state.graph.scope('state', () => {
    const token = preciseDense(weights, 'state_proj', state, config.expert.width);
    return runExpert(weights, token, 1, prefix, config, { cutOff: true }).cache;
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

/**
 * All that times [n] alone decide, [n, projected]: the part of π0's `action_time_mlp_in` that they feed,
 * bias included, or what conditions the norms of π0.5.
 */
export function projectTime(weights: Weights, time: Value, config: Pi0Config): Value {
  const embedded = embedTime(time, config);
  if (config.variant === 'pi05') return projectCondition(weights, embedded, config);
  const { width } = config.expert;
  const weight = weights('action_time_mlp_in.weight', [width, 2 * width]);
  const bias = weights('action_time_mlp_in.bias', [width]);
  return linearIn('float32', embedded, slice(weight, 1, width, 2 * width), bias);
}

/** The same for one time a sample, [batch]: [batch, 1, projected], as `denoise` takes it. */
export function projectTimes(weights: Weights, time: Value, config: Pi0Config): Value {
  const projected = projectTime(weights, time, config);
  return reshape(projected, [time.shape[0], 1, projected.shape[1]]);
}

/**
 * Projected times, [projected] or [batch, 1, projected], with those of the rows that are kept clean, `kept`
 * [batch, horizon, 1] of 0 and 1, at the flow's end (arXiv 2512.05964): [batch, horizon, projected].
 */
export function keepTimes(
  weights: Weights,
  projected: Value,
  kept: Value,
  config: Pi0Config,
): Value {
  const clean = projectTime(weights, kept.graph.constant('float32', [0]), config);
  return add(projected, multiply(kept, subtract(clean, projected)));
}

/** Tokens of π0 [batch·horizon, width]: noisy actions mixed with their projected time by an MLP. */
function mixTime(
  weights: Weights,
  actions: Value,
  projectedTime: Value,
  mixedShape: Shape,
  { expert: { width } }: Pi0Config,
): Value {
  const weight = weights('action_time_mlp_in.weight', [width, 2 * width]);
  const mixed = reshape(linearIn('float32', actions, slice(weight, 1, 0, width)), mixedShape);
  const timed = reshape(silu(add(mixed, projectedTime)), actions.shape);
  return preciseDense(weights, 'action_time_mlp_out', timed, width);
}

/**
 * Velocity of noisy actions `x` [batch, horizon, actionDim] given their projected time, which
 * broadcasts to [batch, horizon, projected] (one time for all, one a sample, or one a token), and the
 * cache of the prefix and, for π0, the state. Velocity = noise − action, as openpi has it.
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
  const actions = preciseDense(weights, 'action_in_proj', reshape(x, [rows, actionDim]), width);
  const modulations = config.variant === 'pi05' ? modulationsOf(projectedTime, config) : undefined;
  const tokens = modulations
    ? actions
    : mixTime(weights, actions, projectedTime, [batch, horizon, width], config);
  const { hidden, addition } = runExpert(weights, tokens, horizon, cache, config, { modulations });
  const { normed } = normOfSum(weights, `${EXPERT}.norm`, hidden, addition, modulations);
  return reshape(preciseDense(weights, 'action_out_proj', normed, actionDim), x.shape);
}
