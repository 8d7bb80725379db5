import type { Size } from '../images/scaling.ts';

/** What of a policy's architecture every part of Nalu may know. */
export interface PolicyShape {
  /** Rows of a chunk. */
  horizon: number;
  /** Numbers of a row as the policy computes it; those beyond the robot's joints are padding. */
  actionDim: number;
  /** Numbers of a state as the policy reads it, padding included. */
  stateDim: number;
  /** Of the images that the policy reads, in the order of its cameras. */
  images: readonly Size[];
}
