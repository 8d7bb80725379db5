import type { GripperEnds } from '../robot/gripperSets.ts';
import type { Latency } from './latency.ts';

/** What a person's move of one joint of an arm showed. */
export interface JointFinding {
  /** Name of the joint whose driver's angle moved; another than the asked one where they are swapped. */
  moved: string;
  /** So that the position grows in the direction that is named positive. */
  sign: 1 | -1;
  /** Least and greatest driver's angle that was visited, rad. */
  range: [number, number];
}

export interface GripperFinding {
  /** Name of the gripper whose driver's angle moved. */
  moved: string;
  angles: GripperEnds;
}

/** What arrived of a camera, under the name that the calibration had for it. */
export interface CameraFinding {
  /** The name that it should have. */
  name: string;
  /** Pixels, as it arrives. */
  width: number;
  height: number;
  /** Variance of the Laplacian. */
  sharpness: number;
  /** Mean, 0 to 255. */
  brightness: number;
  /** Hz */
  rate: number;
}

/** What was measured, by the names that the calibration had. */
export interface Findings {
  joints: Map<string, JointFinding>;
  grippers: Map<string, GripperFinding>;
  cameras: Map<string, CameraFinding>;
  latencies: Map<string, Latency>;
}

export const noFindings = (): Findings => ({
  joints: new Map(),
  grippers: new Map(),
  cameras: new Map(),
  latencies: new Map(),
});
