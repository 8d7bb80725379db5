import type { Arm, CalibratedJoint } from './calibration.ts';

const openingOf = ({ gripper: { closed, open } }: Arm, angle: number) =>
  (angle - closed) / (open - closed);

const angleOf = ({ gripper: { closed, open } }: Arm, opening: number) =>
  closed + opening * (open - closed);

/** A joint's position, rad or opening, from its driver's angle in rad. */
export const fromDriver = (arm: Arm, { kind, sign, offset }: CalibratedJoint, angle: number) =>
  kind === 'gripper' ? openingOf(arm, angle) : sign * angle + offset;

/** The angle in rad that an arm's driver is to be given for a joint's position. */
export const toDriver = (arm: Arm, { kind, sign, offset }: CalibratedJoint, position: number) =>
  kind === 'gripper' ? angleOf(arm, position) : sign * (position - offset);
