import type { FramedSize } from '../images/scaling.ts';

/** The part of a policy's architecture that does not depend on its family. */
export interface PolicyShape {
  /** Rows of a chunk. */
  horizon: number;
  /** Size of a row as the policy computes it; beyond the robot's joints it is padding. */
  actionDim: number;
  /** Size of a state as the policy reads it, padding included. */
  stateDim: number;
  /** Sizes of the policy's input images, and how they are scaled to them, in the order of its cameras. */
  images: readonly FramedSize[];
}
