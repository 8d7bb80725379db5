import type { Arm, CalibratedJoint } from './calibration.ts';
import type { GripperEnds } from './gripperSets.ts';

/** The ends of an arm's gripper: a calibration gives them for every arm that has one. */
const endsOf = ({ gripper }: Arm): GripperEnds => gripper!;

function openingOf(arm: Arm, angle: number): number {
  const { closed, open } = endsOf(arm);
  return (angle - closed) / (open - closed);
}

function angleOf(arm: Arm, opening: number): number {
  const { closed, open } = endsOf(arm);
  return closed + opening * (open - closed);
}

/** A joint's position, rad, m or opening, from its driver's: rad, or m of what slides. */
export const fromDriver = (arm: Arm, { kind, sign, offset }: CalibratedJoint, angle: number) =>
  kind === 'gripper' ? openingOf(arm, angle) : sign * angle + offset;

/** What an arm's driver is commanded for a joint's position: rad, or m of what slides. */
export const toDriver = (arm: Arm, { kind, sign, offset }: CalibratedJoint, position: number) =>
  kind === 'gripper' ? angleOf(arm, position) : sign * (position - offset);
