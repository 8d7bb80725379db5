import type { z } from 'zod';

/**
 * A step between the robot's vectors and the policy's. Each function changes one vector [joints] in
 * place; `state` is the state as the step before left it.
 */
export interface Transform {
  /** A measured state, on its way to the policy. */
  encodeState(state: Float64Array): void;
  /** An action to learn from, on its way to the policy. */
  encodeAction(action: Float64Array, state: Float64Array): void;
  /** A sampled action, on its way to the robot. */
  decodeAction(action: Float64Array, state: Float64Array): void;
}

/** A step of policy.json's `transforms`, as it is written there. */
export interface TransformConfig {
  /** The kind of step: a name in the registry. */
  type: string;
  [field: string]: unknown;
}

/** Numbers of a robot's vectors, as far as a step has figures for them. */
export interface VectorSizes {
  state?: number;
  actions?: number;
}

/** Vectors of one robot in the units and signs of published policies. */
export interface ForeignSpace {
  /** As messages call it: `openpi's space for ALOHA`. */
  name: string;
  /** How it differs from the robot's own. */
  differs: string;
}

/** A kind of step: what policy.json says of one, and what it does. */
export interface TransformKind<Config extends TransformConfig = TransformConfig> {
  type: string;
  schema: z.ZodType<Config>;
  /** The sizes of the vectors that it has figures for; all steps of a policy must agree on them. */
  sizes(config: Config): VectorSizes;
  create(config: Config): Transform;
  /** For a step without figures of its own, between a robot's vectors and those of its published policies. */
  space?: ForeignSpace;
}

/** Changes the numbers of an action that `mask` counts, each by its two figures. */
export const onCounted =
  (
    mask: readonly boolean[],
    first: readonly number[],
    second: readonly number[],
    change: (value: number, first: number, second: number) => number,
  ) =>
  (action: Float64Array): void =>
    mask.forEach((counts, i) => {
      if (counts) action[i] = change(action[i], first[i], second[i]);
    });
