import { z } from 'zod';
import type { Transform, TransformConfig, TransformKind } from './transform.ts';

/** openpi's notation of a mask: n for n joints that move relative to the state, −n for n that do not. */
export function expandMask(runs: readonly number[]): boolean[] {
  return runs.flatMap((run) => Array.from({ length: Math.abs(run) }, () => run > 0));
}

/** Masked numbers of actions are differences from the same numbers of the state that the chunk starts at. */
export function deltaActions(mask: readonly boolean[]): Transform {
  const add = (sign: number) => (action: Float64Array, state: Float64Array) => {
    mask.forEach((relative, joint) => {
      if (relative) action[joint] += sign * state[joint];
    });
  };
  return { encodeState: () => undefined, encodeAction: add(-1), decodeAction: add(1) };
}

const schema = z.strictObject({
  type: z.literal('deltaActions'),
  /** openpi's notation: [6, -1, 6, -1] is six relative joints and an absolute one, twice. */
  mask: z.array(z.int().refine((run) => run !== 0, 'a run of 0 joints')).nonempty(),
});

export type DeltaActionsConfig = z.infer<typeof schema>;

export const isDeltaActions = (config: TransformConfig): config is DeltaActionsConfig =>
  config.type === 'deltaActions';

export const deltaActionsStep: TransformKind<DeltaActionsConfig> = {
  type: 'deltaActions',
  schema,
  sizes: ({ mask }) => ({ actions: expandMask(mask).length }),
  create: ({ mask }) => deltaActions(expandMask(mask)),
};
