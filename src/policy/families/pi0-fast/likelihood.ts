import { multiplyDims } from '../../../onnx/dim.ts';
import type { Graph, Value } from '../../../onnx/graph.ts';
import {
  cast,
  detach,
  equal,
  exponential,
  logarithm,
  multiply,
  range,
  reduceMax,
  reduceSum,
  reshape,
  sizeOf,
  subtract,
} from '../../../onnx/operators.ts';
import type { Weights } from '../../paligemma/network.ts';
import { type PrefixInputs, encodePrefix } from '../../paligemma/prefix.ts';
import { BATCH } from '../../paligemma/prefixInputs.ts';
import type { FastConfig } from './config.ts';
import { continued, logitsOf } from './graphs.ts';
import { layoutOf } from './layout.ts';

/** Log-probabilities of tokens (int64 [rows]) by logits [rows, vocabulary]: [rows, 1]. */
export function logProbabilities(logits: Value, tokens: Value): Value {
  const [rows, vocabulary] = logits.shape;
  const shifted = subtract(logits, detach(reduceMax(logits, [-1])));
  const ids = reshape(range(sizeOf(logits, 1), vocabulary), [1, vocabulary]);
  const isToken = cast(equal(reshape(tokens, [rows, 1]), ids), 'float32');
  const own = reduceSum(multiply(shifted, isToken), [-1]);
  return subtract(own, logarithm(reduceSum(exponential(shifted), [-1])));
}

/** Action tokens behind a prompt, each [batch, count]. */
export interface Written {
  /** int64 */
  tokens: Value;
  /** int64: what follows each of `tokens`. */
  next: Value;
  /** bool: false for padding, on the right. */
  valid: Value;
}

/** Action tokens as inputs of a graph. */
export const writtenInputs = (graph: Graph, count: number): Written => ({
  tokens: graph.input('written', 'int64', [BATCH, count]),
  next: graph.input('next', 'int64', [BATCH, count]),
  valid: graph.input('written_mask', 'bool', [BATCH, count]),
});

/** Log-probabilities of what follows action tokens, as sampling computes them: [batch·count, 1]. */
export function nextLikelihood(
  weights: Weights,
  prompt: PrefixInputs,
  { tokens, next, valid }: Written,
  config: FastConfig,
): Value {
  const past = { ...encodePrefix(weights, prompt, config), gap: layoutOf(config).gap };
  const { hidden } = continued(weights, tokens, past, config, valid);
  const [batch, count] = next.shape;
  const targets = reshape(next, [multiplyDims(batch, count)]);
  return logProbabilities(logitsOf(weights, hidden, config), targets);
}
