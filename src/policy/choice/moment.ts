import type { Adaptable } from '../learnable.ts';

/** What critics are told of the moment in which a chunk is chosen. */
export interface Moment {
  /** [kvHeads·headDim] the last layer's values, averaged over the prefix's valid tokens. */
  pooled: Float32Array;
  /** [stateDim], normalised. */
  state: Float32Array;
  /** [actionDim] normalised: the last row already committed at the observation; zeros if none. */
  committed: Float32Array;
  /** Control steps between the observation and the first executed row. */
  delay: number;
  /** Control steps of the attempt before its first executed row. */
  elapsed: number;
}

/** The critics' input for a chunk: pooled images and prompt, state, committed row, delay, elapsed steps. */
export function featuresOf(moment: Moment): Float32Array {
  const { pooled, state, committed, delay, elapsed } = moment;
  return Float32Array.from([...pooled, ...state, ...committed, delay, elapsed]);
}

/** Numbers of `featuresOf` beside the pooled prefix. */
export const besidePrefixCount = ({
  stateDim,
  actionDim,
}: Pick<Adaptable, 'stateDim' | 'actionDim'>): number => stateDim + actionDim + 2;

/** Length of `featuresOf` for a policy. */
export const featureCount = (policy: Adaptable): number =>
  policy.cache.heads * policy.cache.headDim + besidePrefixCount(policy);
