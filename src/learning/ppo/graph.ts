import { Graph } from '../../onnx/graph.ts';
import {
  divide,
  exponential,
  multiply,
  negate,
  reduceSum,
  subtract,
} from '../../onnx/operators.ts';
import type { Writing, WritingOptions } from '../../policy/learnable.ts';
import { TOKENS } from '../../policy/writtenTokens.ts';
import { BATCH } from '../imitation/lossGraph.ts';
import { withGradients } from '../train/withGradients.ts';
import { type ClipRange, clampTo, clippedObjective } from '../policyGradient/clipped.ts';

/** Clamp of a log ratio: beyond it exp would overflow, and every objective is clipped. */
const FARTHEST = 20;

/**
 * PPO's surrogate on tokens: the mean over counted tokens of the clipped objective of ratio = exp(log π(token) − log
 * π_old(token)), with their chunk's advantage, negated. Inputs: those of the likelihood, counted and drawn (see Writing) and advantages [batch, 1]. Outputs: log_probabilities [batch, tokens] and loss.
 */
export function surrogateGraph(writing: Writing, options: WritingOptions, clip: ClipRange): Graph {
  const graph = new Graph('ppo');
  const own = writing.likelihood(graph, options);
  const tokens = [BATCH, TOKENS];
  const drawn = graph.input('drawn', 'float32', tokens);
  const counted = graph.input('counted', 'float32', tokens);
  const advantages = graph.input('advantages', 'float32', [BATCH, 1]);
  const ratios = exponential(clampTo(subtract(own, drawn), -FARTHEST, FARTHEST));
  const objective = multiply(clippedObjective(ratios, advantages, clip), counted);
  const sum = (x: typeof objective) => reduceSum(x, [0, 1], false);
  graph.output('log_probabilities', own);
  graph.output('loss', negate(divide(sum(objective), sum(counted))));
  return graph;
}

/** The same with outputs gradient.NAME of the parameters of these names. */
export const ppoGraph = (
  parameters: readonly string[],
  ...surrogate: Parameters<typeof surrogateGraph>
): Graph => withGradients(surrogateGraph(...surrogate), parameters);
