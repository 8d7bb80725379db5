import type { RollPitchYaw } from './rotations.ts';

/** x, y and z, m. */
export type Vector = [number, number, number];

/** A joint of a kinematic chain, as URDF has it: where it is, and how it moves what comes after it. */
export interface ChainJoint {
  /** From the frame of the joint before, or of the arm's base, m. */
  offset: Vector;
  /** Of its frame against the one before, rad; none where absent. */
  rotation?: RollPitchYaw;
  /** What it turns about, or slides along, in its own frame; of any length but zero. */
  axis: Vector;
  /** Whether it slides (prismatic); else it turns. */
  slides?: boolean;
}

/** An arm's forward kinematics: its joints from the base on, and its hand in the frame of the last of them, m. */
export interface Chain<Joint extends ChainJoint = ChainJoint> {
  joints: Joint[];
  /** Where the fingers begin; at the last joint where absent. */
  hand?: Vector;
  /** The tips of the fingers. */
  tip: Vector;
}

/** A chain by the driver's names of its joints. */
export type NamedChain = Chain<ChainJoint & { joint: string }>;
