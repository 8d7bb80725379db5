import { UserError } from '../errors.ts';
import { type Point, about, compose, rotate } from '../robot/rotations.ts';
import { type GripperPose, inverseKinematics } from '../robot/viperx300.ts';
import type { ArmSide } from './viperx.ts';

/** Target of a hand's grip, the point between its fingertips, in the world frame. */
export interface Grip {
  /** m. */
  point: Point;
  /** Rad; positive bends the fingers down from the horizontal. */
  pitch: number;
  /** Rad about the fingers' own direction; 0 closes them sideways. */
  roll: number;
}

/** One segment of a hand's motion, starting where the previous one ended. */
export interface Move {
  /** Duration in control steps. */
  steps: number;
  /** Final grip; unchanged if absent. */
  to?: Grip;
  /** Final opening of the gripper; unchanged if absent. */
  opening?: number;
  /** Moves the grip along a straight line; otherwise interpolates in joint space, along a curved path. */
  straight?: boolean;
}

/** m, of the point between the fingertips, along the gripper link's x axis. */
const gripReach = 0.13;

/** Distance of each base from the middle of the table, m; the right one is turned by half a turn. */
const bases = {
  left: { x: -0.469, y: 0.5, facing: 1 },
  right: { x: 0.469, y: 0.5, facing: -1 },
};

/** Minimum-jerk progress from 0 to 1, with velocity and acceleration zero at both ends. */
const ease = (t: number) => t * t * t * (10 + t * (6 * t - 15));

const between = (from: Point, to: Point, share: number) =>
  from.map((value, axis) => value + share * (to[axis] - value));

function gripperPose(side: ArmSide, { point, pitch, roll }: Grip): GripperPose {
  const { x, y, facing } = bases[side];
  const rotation = compose(about.y(pitch), about.x(roll));
  const reach = rotate(rotation, [gripReach, 0, 0]);
  const local = [facing * (point[0] - x), facing * (point[1] - y), point[2]];
  return { rotation, position: local.map((value, axis) => value - reach[axis]) };
}

function solve(side: ArmSide, grip: Grip, near: number[]): number[] {
  const joints = inverseKinematics(gripperPose(side, grip), near);
  if (joints) return joints;
  const place = grip.point.map((value) => value.toFixed(3)).join(', ');
  throw new UserError(`The ${side} hand does not reach (${place}) m; place the object nearer.`, {
    kind: 'invalid',
    fields: [side],
  });
}

/** One hand's commands [steps][7] (six joints, opening) for a sequence of moves from `start`. */
export function handMotion(side: ArmSide, start: ArrayLike<number>, moves: Move[]): number[][] {
  const commands: number[][] = [];
  let joints = Array.from(start).slice(0, 6);
  let opening = start[6];
  let grip: Grip | undefined;
  for (const move of moves) {
    const [fromJoints, fromOpening, fromGrip] = [joints, opening, grip];
    const end = move.to && solve(side, move.to, fromJoints);
    for (let step = 1; step <= move.steps; step++) {
      const share = ease(step / move.steps);
      if (end && move.to && move.straight && fromGrip) {
        const point = between(fromGrip.point, move.to.point, share);
        const [pitch, roll] = between(
          [fromGrip.pitch, fromGrip.roll],
          [move.to.pitch, move.to.roll],
          share,
        );
        joints = solve(side, { point, pitch, roll }, joints);
      } else if (end) {
        joints = between(fromJoints, end, share);
      }
      opening = fromOpening + share * ((move.opening ?? fromOpening) - fromOpening);
      commands.push([...joints, opening]);
    }
    grip = move.to ?? grip;
  }
  return commands;
}
