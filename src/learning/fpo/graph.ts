import { outputGradients } from '../../onnx/gradient.ts';
import { Graph, type Value } from '../../onnx/graph.ts';
import { minimum, multiply, power, reduceSum, reshape, subtract } from '../../onnx/operators.ts';
import { type Pi0Config, tokensPerImage } from '../../policy/families/pi0/config.ts';
import {
  cacheInputs,
  integrate,
  observedCache,
  previousInputs,
} from '../../policy/families/pi0/graphs.ts';
import type { Trainable } from '../../policy/trainable.ts';
import { inputWeights, trainableWeights } from '../../policy/families/pi0/trainable.ts';
import type { SurrogateConfig } from './config.ts';
import { flowVelocity, velocityErrors } from '../imitation/flowMatching.ts';
import {
  BATCH,
  type FlowLosses,
  type LossGraphOptions,
  flowLosses,
  learnedInputs,
  repeat,
} from '../imitation/lossGraph.ts';
import { surrogate } from './surrogate.ts';
import type { SampledJoin } from '../../policy/joinKinds.ts';

/** The policy and batch that FPO's graphs are of. */
export interface FpoGraphOptions {
  config: Pi0Config;
  trainable: Trainable;
  cameras: number;
  /** Prompt tokens of the caches, padding included. */
  text: number;
  /** Pairs of noise and time a chunk. */
  samples: number;
  /** Action dimensions that are not padding. */
  dims: number;
  /** See LossGraphOptions. */
  keeps?: boolean;
}

const lossOptions = (options: FpoGraphOptions): LossGraphOptions => ({
  ...options,
  observation: 'cache',
  masked: true,
});

function outputLosses(graph: Graph, { rows, mask, losses }: FlowLosses, rowClamp: number): void {
  graph.output('losses', losses);
  graph.output('clamped', reduceSum(multiply(minimum(rows, rowClamp), mask), [1], false));
}

/** What the chunk that a velocity leads to, x_t − t·v, is from its target's, squared. */
function actionErrors(velocity: Value, target: Value, time: Value): Value {
  const [pairs] = velocity.shape;
  return multiply(velocityErrors(velocity, target), power(reshape(time, [pairs, 1, 1]), 2));
}

/**
 * The losses of chunks before an update; inputs as flowLosses has them for a cache. Outputs [batch·samples]:
 * losses, summed over the rows that count, and clamped, the same with each row's loss at most `rowClamp`.
 */
export function oldLossesGraph(options: FpoGraphOptions, rowClamp: number): Graph {
  const graph = new Graph('old losses');
  outputLosses(graph, flowLosses(graph, lossOptions(options)), rowClamp);
  return graph;
}

/**
 * The same where what counts is what exploration changed, see the setting `centred`. One more input, centre
 * [batch, horizon, actionDim]: the chunk that the policy would have made without. One more output, target
 * [batch·samples, horizon, actionDim]: the velocities that would have made the chunk of it.
 */
export function centredLossesGraph(options: FpoGraphOptions, rowClamp: number): Graph {
  const graph = new Graph('centred losses');
  const { config, samples } = options;
  const losses = flowLosses(graph, lossOptions(options), (weights, sample, ...at) => {
    const { velocity } = flowVelocity(weights, sample, ...at);
    const shape = [BATCH, config.horizon, config.actionDim];
    const centre = repeat(graph.input('centre', 'float32', shape), samples);
    const unexplored = flowVelocity(weights, { ...sample, actions: centre }, ...at).velocity;
    const target = subtract(unexplored, subtract(sample.actions, centre));
    graph.output('target', target);
    return actionErrors(velocity, target, sample.time);
  });
  outputLosses(graph, losses, rowClamp);
  return graph;
}

/**
 * Chunks of the policy as it learns: a cache (see cacheInputs), π0's state, noise [batch, horizon, actionDim] and
 * steps (int64 scalar) → actions of that shape. Where they join, also what previousInputs has.
 */
export function resampleGraph(
  { config, trainable, cameras, text }: FpoGraphOptions,
  joins?: SampledJoin,
): Graph {
  const graph = new Graph('resample');
  const weights = trainableWeights(inputWeights, trainable, 'beside')(graph);
  const prefix = cacheInputs(graph, config, cameras * tokensPerImage(config) + text);
  const cache = observedCache(graph, weights, prefix, config);
  const noise = graph.input('noise', 'float32', [BATCH, config.horizon, config.actionDim]);
  const steps = graph.input('steps', 'int64', []);
  const previous = joins && previousInputs(graph, joins, config);
  graph.output('actions', integrate(weights, noise, steps, cache, config, { previous }));
  return graph;
}

function centredLosses(graph: Graph, options: FpoGraphOptions): Value {
  const { losses } = flowLosses(graph, lossOptions(options), (weights, sample, ...at) => {
    const { velocity } = flowVelocity(weights, sample, ...at);
    const target = graph.input('target', 'float32', velocity.shape);
    return actionErrors(velocity, target, sample.time);
  });
  return multiply(losses, graph.input('scale', 'float32', []));
}

/**
 * FPO's surrogate. Inputs: those of flowLosses for a cache, old_losses [batch·samples] and advantages
 * [batch]; where centred also target, of centredLossesGraph, and scale, a factor of the losses. Outputs:
 * losses [batch·samples]; ratios (see surrogate); loss.
 */
export function surrogateGraph(options: FpoGraphOptions, config: SurrogateConfig): Graph {
  const graph = new Graph('fpo');
  const { samples } = options;
  const losses = config.centred
    ? centredLosses(graph, options)
    : flowLosses(graph, lossOptions(options)).losses;
  const old = graph.input('old_losses', 'float32', losses.shape);
  const advantages = graph.input('advantages', 'float32', [BATCH]);
  const { loss, ratios } = surrogate({ old, current: losses, advantages, samples }, config);
  graph.output('losses', losses);
  graph.output('ratios', ratios);
  graph.output('loss', loss);
  return graph;
}

/** The same, and gradient.NAME of the loss by each parameter. */
export function fpoGraph(...[options, config]: Parameters<typeof surrogateGraph>): Graph {
  const graph = surrogateGraph(options, config);
  const loss = graph.outputs.find(({ name }) => name === 'loss')!;
  outputGradients(loss.value, learnedInputs(graph, options));
  return graph;
}
