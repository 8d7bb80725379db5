import { type Point, type Rotation, about, compose, rotate, transpose } from './rotations.ts';
import type { ArmLine } from './armLine.ts';

/** Position and orientation of a gripper link. */
export interface GripperPose {
  position: Point;
  rotation: Rotation;
}

/** ViperX-300 offsets, m: shoulder above the base, upper arm, forearm, wrist to gripper link. */
const shoulderHeight = 0.079 + 0.04805;
const upperArm = Math.hypot(0.05955, 0.3);
/** How far the upper arm's straight line to the elbow leans from the joint's own axis, rad. */
const upperArmLean = Math.atan2(0.05955, 0.3);
const forearm = 0.3;
const wristToGripper = 0.069744;
/** m from the gripper link to the tips of the fingers, by gym-aloha's finger shapes. */
const gripperToTips = 0.0687 + 0.045 + 0.033;

/** Writes a point that lies `ahead` of an arm's waist, `aside` of it and `above` its base, m, as the arm is turned. */
function place(
  into: Float64Array,
  point: number,
  base: readonly number[],
  cosine: number,
  sine: number,
  ahead: number,
  aside: number,
  above: number,
): void {
  into[3 * point] = base[0] + cosine * ahead - sine * aside;
  into[3 * point + 1] = base[1] + sine * ahead + cosine * aside;
  into[3 * point + 2] = base[2] + above;
}

/** Writes base, shoulder, elbow, wrist, gripper link and fingertips. Joints are those of CHAIN. */
function armPoints(
  positions: ArrayLike<number>,
  joints: readonly number[],
  base: readonly number[],
  into: Float64Array,
): void {
  const turn = positions[joints[0]] + base[3];
  const lean = positions[joints[1]];
  const pitch = lean + positions[joints[2]];
  const roll = positions[joints[3]];
  const bend = positions[joints[4]];
  const cosine = Math.cos(turn);
  const sine = Math.sin(turn);
  const pitchCosine = Math.cos(pitch);
  const pitchSine = Math.sin(pitch);
  // The hand's direction in the forearm's frame, then turned by the pitch.
  const along = Math.cos(bend);
  const aside = Math.sin(roll) * Math.sin(bend);
  const up = -Math.cos(roll) * Math.sin(bend);
  const ahead = pitchCosine * along + pitchSine * up;
  const above = pitchCosine * up - pitchSine * along;

  const elbowAhead = upperArm * Math.sin(lean + upperArmLean);
  const elbowAbove = shoulderHeight + upperArm * Math.cos(lean + upperArmLean);
  const wristAhead = elbowAhead + forearm * pitchCosine;
  const wristAbove = elbowAbove - forearm * pitchSine;
  const hand = (point: number, reach: number) =>
    place(
      into,
      point,
      base,
      cosine,
      sine,
      wristAhead + reach * ahead,
      reach * aside,
      wristAbove + reach * above,
    );
  place(into, 0, base, cosine, sine, 0, 0, 0);
  place(into, 1, base, cosine, sine, 0, 0, shoulderHeight);
  place(into, 2, base, cosine, sine, elbowAhead, 0, elbowAbove);
  hand(3, 0);
  hand(4, wristToGripper);
  hand(5, wristToGripper + gripperToTips);
}

/** Forward kinematics of a ViperX 300 in closed form, for the joints of Interbotix' CHAIN. */
export const VIPERX_300: ArmLine = { points: 6, rigid: true, write: armPoints };

/**
 * Joint angles [6] that bring the gripper link to a pose in the arm's base frame, elbow up, in
 * closed form: the wrist's three axes meet in a point. Of the two wrist solutions the one nearer to
 * `near` is taken. Undefined where the pose is out of reach; joint limits are not looked at.
 */
export function inverseKinematics(
  pose: GripperPose,
  near: ArrayLike<number>,
): number[] | undefined {
  const back = rotate(pose.rotation, [wristToGripper, 0, 0]);
  const [x, y, z] = pose.position.map((value, axis) => value - back[axis]);
  const waist = Math.atan2(y, x);
  const radius = Math.hypot(x, y);
  const height = z - shoulderHeight;
  const reach = Math.hypot(radius, height);
  if (reach > upperArm + forearm || reach < Math.abs(upperArm - forearm)) return undefined;
  const bearing = Math.atan2(radius, height);
  const cosine = (side: number, other: number) =>
    Math.acos((side * side + reach * reach - other * other) / (2 * side * reach));
  const shoulder = bearing - cosine(upperArm, forearm) - upperArmLean;
  const pitch = bearing + cosine(forearm, upperArm) - Math.PI / 2;
  const carried = compose(about.z(waist), about.y(pitch));
  const wrist = compose(transpose(carried), pose.rotation);
  const solutions = [1, -1].map((sign) => [
    waist,
    shoulder,
    pitch - shoulder,
    Math.atan2(sign * wrist[3], -sign * wrist[6]),
    sign * Math.acos(Math.max(-1, Math.min(1, wrist[0]))),
    Math.atan2(sign * wrist[1], sign * wrist[2]),
  ]);
  const distance = (solution: number[]) =>
    Math.max(...solution.map((angle, joint) => Math.abs(angle - near[joint])));
  return solutions.reduce((best, other) => (distance(other) < distance(best) ? other : best));
}
