import type { CameraFrame, JointState } from '../robot/robot.ts';
import type { Exploration } from './exploration.ts';
import type { Sight } from '../images/coverage.ts';
import type { View } from '../images/viewShift.ts';
import type { JoinKind, SampledJoin } from './joinKinds.ts';

/** What a chunk is sampled from. */
export interface Observation {
  joints: JointState;
  /** The newest frame of each camera that the policy sees, in its order. */
  frames: CameraFrame[];
  prompt: string;
}

/**
 * Where a chunk's flow begins: seeded Gaussian noise, from which it may explore, or zero. A policy without
 * noise gives the same chunk from all.
 */
export type NoiseSource = { seed: number; attempt?: number; exploration?: Exploration } | 'zero';

/** The chunk in play, which the next one is to join without a jerk. */
export interface Join {
  /** [rows, joints] from the observation's control step on, absolute, in the robot's units. */
  rows: Float32Array;
  /** Rows of them that will have been played before the next chunk is there. */
  delay: number;
}

/** How a chunk was drawn towards the one in play. */
export interface Joined {
  kind: SampledJoin;
  /** [rows, joints] of that one, from the observation's control step on, absolute, in the robot's units. */
  rows: Float32Array;
  /** [horizon] how much each row counted, 0…1. */
  weights: Float32Array;
}

/** A sampled action chunk and what is needed to account for it. */
export interface Chunk {
  /** [horizon, joints] absolute positions in the robot's units. */
  actions: Float32Array;
  /** [horizon, actionDim] the noise that the flow began from; empty in a policy without noise. */
  noise: Float32Array;
  /** Where its pictures were looked at; absent if straight. */
  view?: View;
  /** Absent where there was none, or the policy joins no chunks. */
  joined?: Joined;
  horizon: number;
  policyVersion: string;
  /** Absent where every camera shows something, or nobody looked. */
  sight?: Sight;
  timing: ChunkTiming;
}

/** Milliseconds. */
export interface ChunkTiming {
  /** Decoding, resizing, normalising, tokenising. */
  preprocess: number;
  /** ONNX Runtime's own call. */
  run: number;
  /** From request to result as its caller sees it. */
  total: number;
}

/** A policy as the runtime sees it: observation in, chunk out, elsewhere than on this thread. */
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
