import type { Value } from '../../onnx/graph.ts';
import { divide, expandLike, maximum, minimum, multiply, reduceSum } from '../../onnx/operators.ts';

/** Mean of [n], with n symbolic. */
export function mean(x: Value): Value {
  const ones = expandLike(x.graph.constant('float32', [1], []), x);
  return divide(reduceSum(x, [0], false), reduceSum(ones, [0], false));
}

export const clampTo = (x: Value, low: number, high: number): Value =>
  minimum(maximum(x, low), high);

/** How far below and above 1 a ratio counts. */
export interface ClipRange {
  low: number;
  high: number;
}

/** PPO's clipped objective (arXiv 1707.06347): min(A·ρ, A·clip(ρ, 1 − low, 1 + high)). */
export const clippedObjective = (ratio: Value, advantage: Value, { low, high }: ClipRange): Value =>
  minimum(multiply(advantage, ratio), multiply(advantage, clampTo(ratio, 1 - low, 1 + high)));
