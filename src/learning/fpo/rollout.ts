import type { SampledJoin } from '../../policy/joinKinds.ts';
import type { View } from '../../images/viewShift.ts';

/** A chunk that was played, as a learner with a frozen prefix needs it: its images are gone. */
export interface RolloutChunk {
  policyVersion: string;
  /** Keys and values of each layer in turn, each [kvHeads, prefix, headDim]. */
  cache: Float32Array;
  /** [prefix] 1 for tokens that count. */
  valid: Uint8Array;
  /** [kvHeads·headDim] the last layer's values, averaged over the tokens that count. */
  pooled: Float32Array;
  /** [stateDim], normalised. */
  state: Float32Array;
  /** [horizon, actionDim], normalised. */
  actions: Float32Array;
  /** [horizon, actionDim] that the chunk was made of. */
  noise: Float32Array;
  /** [horizon] 1 for rows that were executed. */
  mask: Float32Array;
  /** Where its pictures were looked at; absent if straight. */
  view?: View;
  /** What the chunk was made to join, where it was. */
  join?: {
    kind: SampledJoin;
    /** [horizon, actionDim] normalised: the rows of the chunk in play, zeros after them. */
    previous: Float32Array;
    /** [horizon] how much each of them counted. */
    weights: Float32Array;
  };
  /** [actionDim] normalised: the last row that was already on its way at the observation; zeros if none. */
  committed: Float32Array;
  /** Control steps between the observation and the first executed row. */
  delay: number;
  /** Control steps of the attempt before its first executed row. */
  elapsed: number;
  /** Control steps until the next chunk's first executed row, or the end. */
  steps: number;
}

/** An attempt to learn from. */
export interface Rollout {
  /** The episode's. */
  id: string;
  /** At the end: success 1, failure 0. */
  reward: number;
  chunks: RolloutChunk[];
}
