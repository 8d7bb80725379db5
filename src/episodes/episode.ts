import type { Chain } from '../policy/chain.ts';
import type { ChunkTiming, Joined } from '../policy/chunkPolicy.ts';
import type { Offset } from '../policy/offset.ts';
import type { View } from '../images/view.ts';
import type { Embodiment } from '../robot/embodiment.ts';
import type { Integration } from '../policy/integration.ts';
import type { JoinKind } from '../policy/joinKinds.ts';
import type { WrittenTokens } from '../policy/writtenTokens.ts';
import type { Outcome } from './outcome.ts';

export type { Outcome };

/** An episode's description, written before it starts. */
export interface EpisodeHeader {
  /** Unique; also the file's name. */
  id: string;
  embodiment: Embodiment;
  task: string;
  prompt: string;
  seed?: number;
  /** Name and content version of the policy bundle, or `expert`. */
  policy: string;
}

/** When a chunk was requested, arrived and was played: ns of the robot's clock. */
export interface ChunkTimeline {
  requested: bigint;
  /** When sampling ended. Sampling took `timing.total`, including preprocessing and run. */
  arrived: bigint;
  joined: bigint;
  /** Null if none of its rows was sent. */
  firstCommand: bigint | null;
  timing: ChunkTiming;
}

/** What learning needs of a chunk. Its images are stored separately and are found by their stamps. */
export interface ChunkRecord {
  /** Counts from 0 in its episode. */
  index: number;
  policyVersion: string;
  /** Stamp of the joint state in its observation, ns. */
  observationStamp: bigint;
  /** Stamps of the frames in its observation, ns, by camera. */
  frameStamps: Record<string, bigint>;
  /** [joints] the state in its observation. */
  state: Float64Array;
  horizon: number;
  /** [horizon, joints] absolute, robot's units. */
  actions: Float32Array;
  /** [horizon, actionDim]; empty for an expert's chunk. */
  noise: Float32Array;
  /** Where the policy looked in its images; absent if straight ahead. */
  view?: View;
  /** [actionDim] what was added to its rows, normalised; absent if nothing. */
  offset?: Offset;
  /** How its flow was integrated; absent in a policy without a flow, and in older episodes. */
  integration?: Integration;
  /** The tokens that it was made of; absent in a policy without, and in older episodes. */
  tokens?: WrittenTokens;
  /** The steps of its flow; absent unless its attempt explored and recorded them. */
  chain?: Chain;
  /** Control steps between the observation and its first executed action. */
  delay: number;
  /** Executed rows of `actions`: `executedFrom` to `executedTo`, exclusive. */
  executedFrom: number;
  executedTo: number;
  /** Rows among them that were not sent: the guard held the robot, or the control step was missed. */
  held: number;
  /** How it took over from the previous chunk; absent if it replaced that chunk directly, and in older episodes. */
  join?: JoinKind;
  /** The rows that it was sampled to continue, with their weights; absent if there were none. */
  joined?: Joined;
  /** Absent in episodes recorded before this field existed. */
  timeline?: ChunkTimeline;
}

/** What an outcome is worth to learning. */
export const REWARDS: Record<Outcome, number | null> = { success: 1, failure: 0, discarded: null };

/** How an episode ended. */
export interface EpisodeResult {
  outcome: Outcome;
  /** Success 1, failure 0; none if discarded. */
  reward: number | null;
  /** The task's own staged reward, the largest reached. */
  stagedReward: number;
  /** Control steps taken. */
  steps: number;
  /** Why it ended early; absent if it did not. */
  problem?: string;
}
