import type { Chain } from '../../policy/chain.ts';
import type { Integration } from '../../policy/integration.ts';
import type { SampledJoin } from '../../policy/joinKinds.ts';
import type { Offset } from '../../policy/offset.ts';
import type { WrittenTokens } from '../../policy/writtenTokens.ts';
import type { View } from '../../images/view.ts';

/** An executed chunk in the form that a learner with a frozen prefix needs: encoded, without images. */
export interface RolloutChunk {
  policyVersion: string;
  /** Seconds from the attempt's first observation to its own. */
  at: number;
  /** Keys and values, layer by layer, each [kvHeads, prefix, headDim]. */
  cache: Float32Array;
  /** [prefix] 1 for valid tokens. */
  valid: Uint8Array;
  /** [kvHeads·headDim] the last layer's values, averaged over valid tokens. */
  pooled: Float32Array;
  /** [stateDim], normalised. */
  state: Float32Array;
  /** [horizon, actionDim], normalised, without the offset. */
  actions: Float32Array;
  /** [horizon, actionDim] the initial noise of the chunk's flow. */
  noise: Float32Array;
  /** [horizon] 1 for rows that were executed. */
  mask: Float32Array;
  /** The view offset of its images; absent if zero. */
  view?: View;
  /** [actionDim] what was added to its rows; absent if nothing. */
  offset?: Offset;
  /** How its flow was integrated; absent in a policy without a flow. */
  integration?: Integration;
  /** The tokens that it was made of; absent in a policy with a flow. */
  tokens?: WrittenTokens;
  /** The steps of its flow; absent unless its attempt explored and recorded them. */
  chain?: Chain;
  /** The chunk in play that this one was joined to, if any. */
  join?: {
    kind: SampledJoin;
    /** [horizon, actionDim] normalised: the rows of the chunk in play, zeros after them. */
    previous: Float32Array;
    /** [horizon] the weight of each row. */
    weights: Float32Array;
  };
  /** [actionDim] normalised: the last row already committed at the observation; zeros if none. */
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
  /** Id of the episode. */
  id: string;
  /** The robot that made it; absent where that is not known. */
  robot?: string;
  /** Whether a demonstrator made it, or another policy (see taughtEpisode). */
  taught?: true;
  /** Terminal reward: success 1, failure 0. */
  reward: number;
  chunks: RolloutChunk[];
}
