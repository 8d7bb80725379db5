import type { RollPitchYaw } from './rotations.ts';

export const TURNS = ['axis-angle', 'roll-pitch-yaw'] as const;

/**
 * How policies that command an arm's end effector write what they read and command. A state is the place of the
 * fingers' tips, m in the robot's frame, their turn, rad, and the fingers. An action is how far both move in a control
 * step, along and about the robot's axes, and the gripper.
 */
export interface EndEffector {
  /** The policies' embodiment, as `libero`. */
  embodiment: string;
  /** The end effector's frame, as the policies have it, in that of the last joint; the same where absent. */
  rotation?: RollPitchYaw;
  /** How turns are written. */
  turns: (typeof TURNS)[number];
  /** What an action of 1 moves, m. */
  metres: number;
  /** What an action of 1 turns, rad. */
  radians: number;
  /** The gripper in actions. */
  gripper: { closed: number; open: number };
  /** The fingers in states where the gripper is open, 0 being closed; none where a state ends with the turn. */
  fingers: number[];
}
