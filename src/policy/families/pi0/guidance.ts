import { gradients } from '../../../onnx/gradient.ts';
import type { Value } from '../../../onnx/graph.ts';
import {
  add,
  detach,
  divide,
  minimum,
  multiply,
  reduceSum,
  subtract,
} from '../../../onnx/operators.ts';
import type { SampledJoin } from '../../joinKinds.ts';

/** How a chunk is drawn towards the one in play: with the network's Jacobian, or the identity in its place. */
export type GuidanceKind = Exclude<SampledJoin, 'trained'>;

/** Largest factor of the guidance: the paper's, and lerobot's default. */
const MOST: Record<GuidanceKind, number> = { exact: 5, approximate: 10 };

/** What a chunk is to join. */
export interface Guidance {
  kind: GuidanceKind;
  /** [batch, horizon, actionDim] the rows that were already sampled for the same steps, zeros after them. */
  rows: Value;
  /** [batch or 1, horizon, 1] how much each row counts, 0…1. */
  weights: Value;
}

/** What moves `end`, a function of x, by `error`: the Jacobian's transpose times it. */
function pullBack(error: Value, end: Value, x: Value): Value {
  const fixed = detach(error);
  return gradients(reduceSum(multiply(end, fixed), [0, 1, 2]), [x])[0];
}

/** Where in the flow a velocity is drawn, both scalars. */
export interface GuidedCall {
  /** Flow time, 1…0. */
  time: Value;
  /** The largest factor that does not overshoot the rows, given the length of the step. */
  most: Value;
}

/**
 * A velocity at `x`, drawn towards the rows to join: real-time chunking
 * (arXiv 2506.07339), or with the identity instead of the Jacobian, as lerobot ships it. With τ = 1 − t
 * the factor is (τ² + t²) / (τ·t), at most MOST, and at most what brings one step to the rows.
 */
export function guided(
  velocity: Value,
  x: Value,
  { time, most }: GuidedCall,
  { kind, rows, weights }: Guidance,
): Value {
  const rest = add(multiply(time, -1), 1);
  const squares = add(multiply(time, time), multiply(rest, rest));
  // At t = 1 and t = 0 the quotient is infinite and a bound is taken.
  const factor = minimum(minimum(divide(squares, multiply(time, rest)), MOST[kind]), most);
  const end = subtract(x, multiply(velocity, time));
  const error = multiply(subtract(rows, end), weights);
  const correction = kind === 'exact' ? pullBack(error, end, x) : error;
  return subtract(velocity, multiply(correction, factor));
}
