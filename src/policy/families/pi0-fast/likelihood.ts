import type { Value } from '../../../onnx/graph.ts';
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

/** Log-probabilities of tokens (int64 [rows]) by logits [rows, vocabulary]: [rows, 1]. */
export function logProbabilities(logits: Value, tokens: Value): Value {
  const [rows, vocabulary] = logits.shape;
  const shifted = subtract(logits, detach(reduceMax(logits, [-1])));
  const ids = reshape(range(sizeOf(logits, 1), vocabulary), [1, vocabulary]);
  const isToken = cast(equal(reshape(tokens, [rows, 1]), ids), 'float32');
  const own = reduceSum(multiply(shifted, isToken), [-1]);
  return subtract(own, logarithm(reduceSum(exponential(shifted), [-1])));
}
