import { Graph, type Value } from '../../onnx/graph.ts';
import {
  add,
  exponential,
  multiply,
  negate,
  power,
  reduceSum,
  slice,
  subtract,
} from '../../onnx/operators.ts';
import type { Learnable } from '../../policy/learnable.ts';
import type { Trainable } from '../../policy/trainable.ts';
import { BATCH, learnedNames } from '../imitation/lossGraph.ts';
import { withGradients } from '../train/withGradients.ts';
import { clampTo, clippedObjective, mean } from '../policyGradient/clipped.ts';

/** Clamp of a log ratio: beyond it exp would overflow, and every objective is clipped. */
const FARTHEST = 20;

export interface FlowPpoGraphOptions {
  policy: Learnable;
  trainable: Trainable;
  cameras: number;
  /** Prompt tokens of the caches, padding included. */
  text: number;
  /** Action dimensions that are not padding. */
  dims: number;
  /** Whether rows of a chunk may be kept clean, see LossGraphOptions. */
  keeps: boolean;
}

/** The means of a flow's steps [batch, horizon, actionDim]: where Euler's step goes from x, joined as the sampler joins. */
function stepMeans(graph: Graph, { policy, keeps, ...options }: FlowPpoGraphOptions): Value {
  const { horizon, actionDim } = policy;
  const flow = policy.flow(graph, { ...options, observation: 'cache', masked: true, samples: 1 });
  const input = (name: string, ...dims: number[]) => graph.input(name, 'float32', [BATCH, ...dims]);
  const x = input('x', horizon, actionDim);
  const towards = {
    rows: input('previous', horizon, actionDim),
    weights: input('prefix_weights', horizon, 1),
    most: input('most', 1, 1),
  };
  const kept = keeps ? input('kept', horizon, 1) : undefined;
  const velocity = flow.velocity(x, input('time'), kept, towards);
  return add(x, multiply(velocity, input('length', 1, 1)));
}

/**
 * PPO's surrogate on the steps of flows. What is likely or not is the mean over the rows that count, one standard normal
 * number a dimension with `row_weights` w: e = Σ_h w·residual of where the step went, and s = Σ_h w·(mean − start) of how
 * the policy has moved. Over dimensions, its log ratio is `moved` = Σ e·s − ½ Σ s², and the KL divergence from the start
 * ½ Σ s². Inputs [batch, …]: those of a flow with a cache; x, previous [horizon, actionDim], time, length and most [1, 1],
 * prefix_weights [horizon, 1], where it keeps also kept [horizon, 1]; row_weights [horizon, 1], start and residual
 * [horizon, actionDim], before and advantages. Outputs: means [batch, horizon, actionDim], moved and divergences
 * [batch], and loss, the negated mean of the clipped objective of ratio = exp(before + moved).
 */
export function surrogateGraph(options: FlowPpoGraphOptions, clip: number): Graph {
  const graph = new Graph('flow ppo');
  const { horizon } = options.policy;
  const means = stepMeans(graph, options);
  const weights = graph.input('row_weights', 'float32', [BATCH, horizon, 1]);
  const ofRows = (x: Value) =>
    reduceSum(multiply(slice(x, 2, 0, options.dims), weights), [1], false);
  const sum = (x: Value) => reduceSum(x, [1], false);
  const shift = ofRows(subtract(means, graph.input('start', 'float32', means.shape)));
  const gone = ofRows(graph.input('residual', 'float32', means.shape));
  const divergences = multiply(sum(power(shift, 2)), 0.5);
  const moved = subtract(sum(multiply(gone, shift)), divergences);
  const before = graph.input('before', 'float32', [BATCH]);
  const advantages = graph.input('advantages', 'float32', [BATCH]);
  const ratios = exponential(clampTo(add(before, moved), -FARTHEST, FARTHEST));
  const objective = clippedObjective(ratios, advantages, { low: clip, high: clip });
  for (const [name, value] of Object.entries({ means, moved, divergences }))
    graph.output(name, value);
  graph.output('loss', negate(mean(objective)));
  return graph;
}

/** The same with outputs gradient.NAME, the gradient of the loss for each parameter. */
export const flowPpoGraph = (...[options, clip]: Parameters<typeof surrogateGraph>): Graph =>
  withGradients(surrogateGraph(options, clip), learnedNames(options));
