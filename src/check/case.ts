import type { BundleConfig } from '../policy/bundle/config.ts';
import type { Embodiment } from '../robot/embodiment.ts';
import type { OperatingMode } from '../robot/operatingModes.ts';

/** One mismatch between policy and robot, with its remedy. */
export interface Misfit {
  /** Error: do not run. Warning: inspect before running. Note: information only. */
  severity: 'error' | 'warning' | 'note';
  /** The joints, camera, or part of the bundle concerned. */
  subject: string;
  message: string;
}

/** A camera's decoded image. */
export interface Picture {
  camera: string;
  /** RGB8. */
  pixels: Uint8Array;
}

/** A robot at rest, and one observation of it. */
export interface RobotCase {
  robot: Embodiment;
  /** [joints] name of each joint's arm. */
  arms: readonly string[];
  /** [joints] measured: rad, openings. */
  position: Float64Array;
  /** Images of the policy's cameras. */
  pictures: readonly Picture[];
  /** [horizon, joints] the first chunk, from zero noise; absent if none could be sampled. */
  chunk?: Float32Array;
  /** Lowest and highest allowed mean brightness per camera, 0 to 255. */
  exposure?: ReadonlyMap<string, readonly [number, number]>;
  /** Operating modes of the robot's drivers, if they report them. */
  modes?: readonly OperatingMode[];
}

/** A policy and a robot. */
export interface FitCase extends RobotCase {
  policy: BundleConfig;
  /** What the policy is asked for. */
  prompt: string;
}

/** A case with a sampled chunk. */
export type SampledCase<Case extends RobotCase = FitCase> = Case & { chunk: Float32Array };
