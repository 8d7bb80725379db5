import type { Value } from '../../onnx/graph.ts';
import { add, divide, minimum, multiply, subtract } from '../../onnx/operators.ts';

/** Largest factor of the guidance (lerobot's default). */
const MOST_GUIDANCE = 10;

/** What a chunk is to join. */
export interface Guidance {
  /** [batch, horizon, actionDim] the rows that were already sampled for the same steps, zeros after them. */
  previous: Value;
  /** [batch or 1, horizon, 1] how much each row counts, 0…1. */
  weights: Value;
}

/**
 * A velocity at `x` and flow time `time` (scalar, 1…0), drawn towards the rows to join: real-time chunking
 * (arXiv 2506.07339) with the identity in the place of the Jacobian, as lerobot ships it. With τ = 1 − t
 * the factor is (τ² + t²) / (τ·t), at most MOST_GUIDANCE.
 */
export function guided(
  velocity: Value,
  x: Value,
  time: Value,
  { previous, weights }: Guidance,
): Value {
  const rest = add(multiply(time, -1), 1);
  const squares = add(multiply(time, time), multiply(rest, rest));
  // At t = 1 the quotient is infinite and the bound is taken.
  const factor = minimum(divide(squares, multiply(time, rest)), MOST_GUIDANCE);
  const end = subtract(x, multiply(velocity, time));
  const error = multiply(subtract(previous, end), weights);
  return subtract(velocity, multiply(error, factor));
}
