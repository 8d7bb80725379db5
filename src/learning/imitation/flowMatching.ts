import type { Value } from '../../onnx/graph.ts';
import { add, multiply, power, reduceSum, reshape, slice, subtract } from '../../onnx/operators.ts';
import type { Flow } from '../../policy/learnable.ts';

/** What one flow-matching loss is of. */
export interface FlowSample {
  /** [batch, horizon, actionDim], normalised. */
  actions: Value;
  /** [batch, horizon, actionDim] */
  noise: Value;
  /** [batch], 1 is noise and 0 the action. */
  time: Value;
  /** [batch, horizon, 1] 1 for rows that are kept clean, 0 for the others; absent if none is. */
  kept?: Value;
}

/** 1 − x. */
export const complement = (x: Value): Value => add(multiply(x, -1), 1);

/**
 * The velocity at x_t = t·noise + (1 − t)·action and what flow matching would have it be, noise − action;
 * both [batch, horizon, actionDim]. `cache` holds the prefix and, for π0, the state.
 */
export function flowVelocity(
  flow: Flow,
  { actions, noise, time, kept }: FlowSample,
): { velocity: Value; target: Value } {
  const [batch] = actions.shape;
  const target = subtract(noise, actions);
  const at = reshape(time, [batch, 1, 1]);
  const x = add(actions, multiply(kept ? multiply(at, complement(kept)) : at, target));
  return { velocity: flow.velocity(x, time, kept), target };
}

/** What a velocity is from its target, squared; all [batch, horizon, actionDim]. */
export const velocityErrors = (velocity: Value, target: Value) =>
  power(subtract(target, velocity), 2);

/** Squared error of the velocity, [batch, horizon, actionDim]. */
export function flowMatchingErrors(...sample: Parameters<typeof flowVelocity>): Value {
  const { velocity, target } = flowVelocity(...sample);
  return velocityErrors(velocity, target);
}

/** [batch, horizon] each row's mean over the first `dims` dimensions (the rest is padding). */
export function rowLosses(errors: Value, dims: number): Value {
  return multiply(reduceSum(slice(errors, 2, 0, dims), [2], false), 1 / dims);
}

/** Flow time of a uniform number in 0…1: Beta(1.5, 1)·0.999 + 0.001, as openpi draws it. */
export function flowTime(uniform: number): number {
  return uniform ** (1 / 1.5) * 0.999 + 0.001;
}
