import type { CameraFrame, JointState } from '../robot/robot.ts';
import type { Chain } from './chain.ts';
import type { Exploration } from './exploration.ts';
import type { Sight } from '../images/coverage.ts';
import type { View } from '../images/view.ts';
import type { Integration } from './integration.ts';
import type { Offset } from './offset.ts';
import type { JoinKind, SampledJoin } from './joinKinds.ts';
import type { WrittenTokens } from './writtenTokens.ts';

/** The input of a chunk. */
export interface Observation {
  joints: JointState;
  /** The newest frame of each of the policy's cameras, in its order; those of `absent` left out. */
  frames: CameraFrame[];
  /** The policy's cameras that there are no frames of, in its order. A policy that reads all of them refuses. */
  absent?: readonly string[];
  prompt: string;
  /** Absent where nobody knows it, as with a policy that is served. */
  turn?: Turn;
}

/** What is known, when a chunk is asked for, of when it takes over; control steps count from the attempt's first. */
export interface Turn {
  /** Control steps of the attempt before its first executed row. */
  elapsed: number;
  /** Control steps between the observation and its first executed row. */
  delay: number;
  /** [joints] the last row already committed; absent if none. */
  committed?: Float32Array;
  /** The first row that will be executed, and the one after the last. */
  from: number;
  to: number;
}

/**
 * The initial noise of a chunk's flow: seeded Gaussian noise, optionally with exploration; `given` [horizon,
 * actionDim]; or zero. A policy without noise ignores it, and so does one that has a ticket (see Tickets).
 */
export type NoiseSource =
  { seed: number; attempt?: number; exploration?: Exploration; given?: Float32Array } | 'zero';

/** The chunk in play, which the next one should continue smoothly. */
export interface Join {
  /** [rows, joints] absolute positions in the robot's units, starting at the observation's control step. */
  rows: Float32Array;
  /** Rows that will have been played before the next chunk is ready. */
  delay: number;
}

/** How a chunk was guided towards the one in play. */
export interface Joined {
  kind: SampledJoin;
  /**
   * [rows, joints] of the chunk in play, absolute, in the robot's units, starting at the observation's
   * control step.
   */
  rows: Float32Array;
  /** [horizon] the weight of each row, 0…1. */
  weights: Float32Array;
}

/** A sampled action chunk with its provenance. */
export interface Chunk {
  /** [horizon, joints] absolute positions in the robot's units. */
  actions: Float32Array;
  /** [horizon, actionDim] the initial noise of the flow; empty in a policy without noise. */
  noise: Float32Array;
  /** The view offset of its images; absent if zero. */
  view?: View;
  /** What was added to its rows (see Offset); absent if nothing. */
  offset?: Offset;
  /** The steps of its flow; absent unless it explores and records them (see Exploration). */
  chain?: Chain;
  /** The tokens that it was made of; absent in a policy without. */
  tokens?: WrittenTokens;
  /** Features of what the policy saw, for those who learn beside it; absent unless the policy was opened for them. */
  features?: Float32Array;
  /** Absent without a chunk in play, and for a policy that does not join chunks. */
  joined?: Joined;
  /** How its flow was integrated; absent in a policy without a flow. */
  integration?: Integration;
  horizon: number;
  policyVersion: string;
  /** Absent if every camera shows something, or if that was not checked. */
  sight?: Sight;
  timing: ChunkTiming;
}

/** Milliseconds. */
export interface ChunkTiming {
  /** Decoding, resizing, normalising, tokenising. */
  preprocess: number;
  /** The call of ONNX Runtime. */
  run: number;
  /** From request to result, as seen by the caller. */
  total: number;
}

/** The runtime's interface to a policy: observation in, chunk out, computed on another thread. */
export interface ChunkPolicy {
  readonly cameras: readonly string[];
  readonly horizon: number;
  /** Rows of a chunk that are played before the next one takes over. */
  readonly executeSteps: number;
  /** How its chunks take over from the one in play; swap where absent. */
  readonly join?: JoinKind;
  /** A policy that does not join chunks ignores `join`. */
  sample(observation: Observation, noise: NoiseSource, join?: Join): Promise<Chunk>;
  close(): Promise<void>;
}
