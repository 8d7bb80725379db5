import { multiplyDims } from '../../onnx/dim.ts';
import { outputGradients } from '../../onnx/gradient.ts';
import { Graph, type Value } from '../../onnx/graph.ts';
import { divide, expand, multiply, reduceSum, reshape } from '../../onnx/operators.ts';
import { type Pi0Config, tokensPerImage } from '../../policy/families/pi0/config.ts';
import { cacheInputs, observedCache, prefixInputs } from '../../policy/families/pi0/graphs.ts';
import { type Cache, encodePrefix } from '../../policy/families/pi0/prefix.ts';
import type { Trainable } from '../../policy/trainable.ts';
import {
  inputWeights,
  trainableParameters,
  trainableWeights,
} from '../../policy/families/pi0/trainable.ts';
import { complement, flowMatchingErrors, rowLosses } from './flowMatching.ts';
import type { Weights } from '../../policy/families/pi0/network.ts';

export interface LossGraphOptions {
  config: Pi0Config;
  trainable: Trainable;
  /** What an observation enters as: images and prompt, or the prefix cache that a frozen prefix makes of them. */
  observation: 'images' | 'cache';
  cameras: number;
  /** Prompt tokens, padding included. */
  text: number;
  /** Whether prompts are padded, so that attention needs masks; a cache always brings its own. */
  masked: boolean;
  /** Flow samples (noise and time) of each observation; its prefix is encoded once for all. */
  samples: number;
  /** Action dimensions that are not padding. */
  dims: number;
  /** Whether rows of a chunk may be kept clean, for the others to go on from (arXiv 2512.05964). */
  keeps?: boolean;
}

export const BATCH = 'batch';

/** Each sample of a batch `times` times over: [batch, …] → [batch·times, …]. */
export function repeat(x: Value, times: number): Value {
  if (times === 1) return x;
  const [batch, ...rest] = x.shape;
  const copies = expand(reshape(x, [batch, 1, ...rest]), [1, times, ...rest.map(() => 1)]);
  return reshape(copies, [multiplyDims(batch, times), ...rest]);
}

function repeatCache({ layers, valid }: Cache, times: number): Cache {
  return {
    layers: layers.map(({ keys, values }) => ({
      keys: repeat(keys, times),
      values: repeat(values, times),
    })),
    valid: valid && repeat(valid, times),
  };
}

function observe(graph: Graph, weights: Weights, options: LossGraphOptions): Cache {
  const { config, observation, cameras, text, masked } = options;
  if (observation === 'cache')
    return cacheInputs(graph, config, cameras * tokensPerImage(config) + text);
  const inputs = prefixInputs(graph, config, 'bytes', masked, { cameras, text });
  return encodePrefix(weights, inputs, config);
}

/** Losses of a batch's flow samples, and what they were summed over. */
export interface FlowLosses {
  /** [batch·samples, horizon] mean of a row's squared error over the dimensions that count. */
  rows: Value;
  /** [batch·samples, horizon] */
  mask: Value;
  /** [batch·samples] sum of `rows` that `mask` weighs. */
  losses: Value;
}

/**
 * The losses of flow samples, all weights entering as inputs of `graph`. Inputs: images, tokens, and if
 * masked camera_mask and token_mask (or keys.i, values.i, valid), π0's state [batch, stateDim], actions
 * [batch, horizon, actionDim], mask [batch, horizon] (0 where a row does not count), noise
 * [batch·samples, horizon, actionDim], time [batch·samples]; where it keeps, also kept [batch·samples,
 * horizon], 1 for rows that are kept clean and count no more.
 */
export function flowLosses(
  graph: Graph,
  options: LossGraphOptions,
  errorsOf: typeof flowMatchingErrors = flowMatchingErrors,
): FlowLosses {
  const { config, trainable, samples, dims, keeps } = options;
  const weights = trainableWeights(inputWeights, trainable, 'beside')(graph);
  const prefix = observe(graph, weights, options);
  const cache = repeatCache(observedCache(graph, weights, prefix, config), samples);

  const { horizon, actionDim } = config;
  const actions = graph.input('actions', 'float32', [BATCH, horizon, actionDim]);
  const executed = repeat(graph.input('mask', 'float32', [BATCH, horizon]), samples);
  const count = multiplyDims(BATCH, samples);
  const kept = keeps ? graph.input('kept', 'float32', [count, horizon]) : undefined;
  const mask = kept ? multiply(executed, complement(kept)) : executed;
  const sample = {
    actions: repeat(actions, samples),
    noise: graph.input('noise', 'float32', [count, horizon, actionDim]),
    time: graph.input('time', 'float32', [count]),
    kept: kept && reshape(kept, [count, horizon, 1]),
  };
  const rows = rowLosses(errorsOf(weights, sample, cache, config), dims);
  return { rows, mask, losses: reduceSum(multiply(rows, mask), [1], false) };
}

/** The inputs of a graph that are trainable parameters. */
export function learnedInputs(
  { inputs }: Graph,
  { config, trainable }: Pick<LossGraphOptions, 'config' | 'trainable'>,
): Value[] {
  const named = new Map(inputs.map((input) => [input.name, input]));
  return trainableParameters(trainable, config).map(({ name }) => named.get(name)!);
}

/**
 * The flow-matching loss of a batch and its gradients; see flowLosses for its inputs.
 * Outputs: losses [batch·samples], summed over counted steps (no reduction); loss, their mean over counted
 * steps; gradient.NAME of the loss by each parameter.
 */
export function flowMatchingGraph(options: LossGraphOptions): Graph {
  const graph = new Graph('flow matching');
  const { losses, mask } = flowLosses(graph, options);
  const loss = divide(reduceSum(losses, [0], false), reduceSum(mask, [0, 1], false));
  graph.output('losses', losses);
  graph.output('loss', loss);
  outputGradients(loss, learnedInputs(graph, options));
  return graph;
}
