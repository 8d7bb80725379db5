import { Graph, type Value } from '../../onnx/graph.ts';
import {
  minimum,
  multiply,
  power,
  reduceSum,
  repeat,
  reshape,
  subtract,
} from '../../onnx/operators.ts';
import type { Learnable } from '../../policy/learnable.ts';
import type { Trainable } from '../../policy/trainable.ts';
import type { SurrogateConfig } from './config.ts';
import { flowVelocity, velocityErrors } from '../imitation/flowMatching.ts';
import {
  BATCH,
  type FlowLosses,
  type LossGraphOptions,
  flowLosses,
  learnedNames,
} from '../imitation/lossGraph.ts';
import { withGradients } from '../train/withGradients.ts';
import { surrogate } from './surrogate.ts';

/** The policy and batch dimensions of FPO's graphs. */
export interface FpoGraphOptions {
  policy: Learnable;
  trainable: Trainable;
  cameras: number;
  /** Prompt tokens of the caches, padding included. */
  text: number;
  /** Pairs of noise and time per chunk. */
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

/** Squared error of the chunk x_t − t·v that a velocity leads to, against the target velocity's chunk. */
function actionErrors(velocity: Value, target: Value, time: Value): Value {
  const [pairs] = velocity.shape;
  return multiply(velocityErrors(velocity, target), power(reshape(time, [pairs, 1, 1]), 2));
}

/**
 * The losses before an update. Inputs: those of flowLosses for a cache. Outputs [batch·samples]: losses,
 * summed over the executed rows, and clamped, the same with each row's loss clamped to `rowClamp`.
 */
export function oldLossesGraph(options: FpoGraphOptions, rowClamp: number): Graph {
  const graph = new Graph('old losses');
  outputLosses(graph, flowLosses(graph, lossOptions(options)), rowClamp);
  return graph;
}

/**
 * Losses of exploration's difference (see the setting `centred`). One more input: centre [batch, horizon,
 * actionDim], the chunk that the policy makes without exploration. One more output: target [batch·samples,
 * horizon, actionDim], the velocities that turn it into the explored chunk.
 */
export function centredLossesGraph(options: FpoGraphOptions, rowClamp: number): Graph {
  const graph = new Graph('centred losses');
  const { policy, samples } = options;
  const losses = flowLosses(graph, lossOptions(options), (flow, sample) => {
    const { velocity } = flowVelocity(flow, sample);
    const shape = [BATCH, policy.horizon, policy.actionDim];
    const centre = repeat(graph.input('centre', 'float32', shape), samples);
    const unexplored = flowVelocity(flow, { ...sample, actions: centre }).velocity;
    const target = subtract(unexplored, subtract(sample.actions, centre));
    graph.output('target', target);
    return actionErrors(velocity, target, sample.time);
  });
  outputLosses(graph, losses, rowClamp);
  return graph;
}

function centredLosses(graph: Graph, options: FpoGraphOptions): Value {
  const { losses } = flowLosses(graph, lossOptions(options), (flow, sample) => {
    const { velocity } = flowVelocity(flow, sample);
    const target = graph.input('target', 'float32', velocity.shape);
    return actionErrors(velocity, target, sample.time);
  });
  return multiply(losses, graph.input('scale', 'float32', []));
}

/**
 * FPO's surrogate. Inputs: those of flowLosses for a cache, old_losses [batch·samples] and advantages
 * [batch]; for centred losses also target (from centredLossesGraph) and scale, a factor on the losses.
 * Outputs: losses [batch·samples]; ratios (see surrogate); loss.
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

/** The surrogate's graph with outputs gradient.NAME, the gradient of the loss for each parameter. */
export const fpoGraph = (...[options, config]: Parameters<typeof surrogateGraph>): Graph =>
  withGradients(surrogateGraph(options, config), learnedNames(options));
