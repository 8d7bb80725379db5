import type { CameraFrame, JointState } from '../robot/robot.ts';
import type { Exploration } from './exploration.ts';

/** What a chunk is sampled from. */
export interface Observation {
  joints: JointState;
  /** The newest frame of each camera that the policy sees, in its order. */
  frames: CameraFrame[];
  prompt: string;
}

/** Where a chunk's flow begins: seeded Gaussian noise, from which it may explore, or zero. */
export type NoiseSource = { seed: number; attempt?: number; exploration?: Exploration } | 'zero';

/** A sampled action chunk and what is needed to account for it. */
export interface Chunk {
  /** [horizon, joints] absolute positions in the robot's units. */
  actions: Float32Array;
  /** [horizon, actionDim] the noise that the flow began from. */
  noise: Float32Array;
  horizon: number;
  policyVersion: string;
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
  sample(observation: Observation, noise: NoiseSource): Promise<Chunk>;
  close(): Promise<void>;
}
