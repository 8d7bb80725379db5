import { multiplyDims } from '../../onnx/dim.ts';
import { Graph, type Value } from '../../onnx/graph.ts';
import { divide, multiply, reduceSum, repeat, reshape } from '../../onnx/operators.ts';
import type { FlowOptions, Learnable } from '../../policy/learnable.ts';
import { withGradients } from '../train/withGradients.ts';
import { complement, flowMatchingErrors, rowLosses } from './flowMatching.ts';

export interface LossGraphOptions extends FlowOptions {
  policy: Learnable;
  /** Action dimensions that are not padding. */
  dims: number;
  /** Whether rows of a chunk may be kept clean, for the others to go on from (arXiv 2512.05964). */
  keeps?: boolean;
}

export const BATCH = 'batch';

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
  const { policy, samples, dims, keeps } = options;
  const flow = policy.flow(graph, options);
  const { horizon, actionDim } = policy;
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
  const rows = rowLosses(errorsOf(flow, sample), dims);
  return { rows, mask, losses: reduceSum(multiply(rows, mask), [1], false) };
}

/** The names of the inputs of a policy's graph that learn. */
export const learnedNames = ({
  policy,
  trainable,
}: Pick<LossGraphOptions, 'policy' | 'trainable'>): string[] =>
  policy.parameters(trainable).map(({ name }) => name);

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
  return withGradients(graph, learnedNames(options));
}
