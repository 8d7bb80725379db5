import type { Transform } from './transform.ts';

/** openpi's notation of a mask: n for n joints that move relative to the state, −n for n that do not. */
export function expandMask(runs: readonly number[]): boolean[] {
  return runs.flatMap((run) => Array.from({ length: Math.abs(run) }, () => run > 0));
}

/** Actions of the masked joints are differences from the state that the chunk starts at. */
export function deltaActions(mask: readonly boolean[]): Transform {
  const add = (sign: number) => (action: Float64Array, state: Float64Array) => {
    mask.forEach((relative, joint) => {
      if (relative) action[joint] += sign * state[joint];
    });
  };
  return { encodeState: () => undefined, encodeAction: add(-1), decodeAction: add(1) };
}
