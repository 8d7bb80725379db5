import type { ChunkTiming, Joined } from '../policy/chunkPolicy.ts';
import type { View } from '../images/viewShift.ts';
import type { Embodiment } from '../robot/embodiment.ts';
import type { JoinKind } from '../policy/joinKinds.ts';

export type Outcome = 'success' | 'failure' | 'discarded';

/** What an episode says of itself before it begins. */
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

/** How a chunk came into play: stamps in ns of the robot's clock, beside those of what it was sampled from. */
export interface ChunkTimeline {
  requested: bigint;
  /** It was there, `timing.total` after its sampling began and preprocessing and run within that. */
  arrived: bigint;
  joined: bigint;
  /** Null if none of its rows was sent. */
  firstCommand: bigint | null;
  timing: ChunkTiming;
}

/** What FPO needs of a chunk (the image bytes lie beside it, by their stamps). */
export interface ChunkRecord {
  /** Counts from 0 in its episode. */
  index: number;
  policyVersion: string;
  /** Stamp of the joint state that it was sampled from, ns. */
  observationStamp: bigint;
  /** Stamps of the frames that it was sampled from, ns, by camera. */
  frameStamps: Record<string, bigint>;
  /** [joints] the state it was sampled from. */
  state: Float64Array;
  horizon: number;
  /** [horizon, joints] absolute, robot's units. */
  actions: Float32Array;
  /** [horizon, actionDim]; empty for an expert's chunk. */
  noise: Float32Array;
  /** Where its pictures were looked at; absent if straight. */
  view?: View;
  /** Control steps between the observation and its first executed action. */
  delay: number;
  /** Executed rows of `actions`: from `executedFrom` up to but not including `executedTo`. */
  executedFrom: number;
  executedTo: number;
  /** Rows among them that were not sent: the guard held the robot, or the control step was missed. */
  held: number;
  /** How it took over from the chunk before; absent if that one was just replaced, or in older episodes. */
  join?: JoinKind;
  /** What it was drawn towards, where it was. */
  joined?: Joined;
  /** Of episodes recorded before there was one, none. */
  timeline?: ChunkTimeline;
}

/** How an episode ended. */
export interface EpisodeResult {
  outcome: Outcome;
  /** Success 1, failure 0; none if discarded. */
  reward: number | null;
  /** The task's own staged reward, the largest reached. */
  stagedReward: number;
  /** Control steps taken. */
  steps: number;
  /** What cut it short; absent if nothing did. */
  problem?: string;
}
