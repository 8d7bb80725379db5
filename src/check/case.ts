import type { BundleConfig } from '../policy/bundle/config.ts';
import type { Embodiment } from '../robot/embodiment.ts';
import type { OperatingMode } from '../robot/operatingModes.ts';

/** One thing that does not fit, and what to do about it. */
export interface Misfit {
  /** Error: do not run. Warning: look first. Note: only to be known. */
  severity: 'error' | 'warning' | 'note';
  /** Joints, camera, or part of the bundle that it is about. */
  subject: string;
  message: string;
}

/** A camera's decoded image. */
export interface Picture {
  camera: string;
  /** RGB8. */
  pixels: Uint8Array;
}

/** A policy, a robot, and what was seen of both while nothing moved. */
export interface FitCase {
  policy: BundleConfig;
  robot: Embodiment;
  /** [joints] the arm that each joint is of. */
  arms: readonly string[];
  /** [joints] measured: rad, openings. */
  position: Float64Array;
  /** Of the cameras that the policy looks through. */
  pictures: readonly Picture[];
  /** [horizon, joints] the first chunk, from zero noise; absent where none could be sampled. */
  chunk?: Float32Array;
  /** Least and greatest mean brightness by camera, 0 to 255. */
  exposure?: ReadonlyMap<string, readonly [number, number]>;
  /** How the robot's drivers take commands, where they say it. */
  modes?: readonly OperatingMode[];
}

/** A case with a chunk in it. */
export type SampledCase = FitCase & { chunk: Float32Array };
