import type { Chain } from './chain.ts';
import type { Base } from './embodiment.ts';
import {
  type Point,
  type Rotation,
  about,
  compose,
  fromRollPitchYaw,
  rotate,
  toAxisAngle,
  transpose,
  writeTurn,
} from './rotations.ts';

/** Where the tips of an arm's fingers are, m, and how its last joint is turned, in the robot's frame. */
export interface Pose {
  position: Point;
  rotation: Rotation;
}

/** A joint in the robot's frame: where it is, m, and what it turns about or slides along. */
interface PlacedJoint {
  point: Point;
  axis: Point;
  slides: boolean;
}

const plus = (a: Point, b: Point, scale = 1): Point => a.map((value, i) => value + scale * b[i]);
const minus = (a: Point, b: Point): Point => plus(a, b, -1);
const cross = ([a, b, c]: Point, [x, y, z]: Point): Point => [b * z - c * y, c * x - a * z, a * y - b * x]; // prettier-ignore

/** Forward kinematics of an arm at positions of its joints, from the base on, rad or m. */
function place({ joints, tip }: Chain, base: Base, positions: ArrayLike<number>) {
  let rotation = about.z(base[3]);
  let position: Point = base.slice(0, 3);
  const placed = joints.map(
    ({ offset, rotation: turned, axis, slides = false }, i): PlacedJoint => {
      position = plus(position, rotate(rotation, offset));
      if (turned) rotation = compose(rotation, fromRollPitchYaw(turned));
      const length = Math.hypot(...axis);
      const own = axis.map((value) => value / length);
      const joint = { point: position, axis: rotate(rotation, own), slides };
      if (slides) position = plus(position, joint.axis, positions[i]);
      else {
        const turn = new Array<number>(9);
        writeTurn(own, positions[i], turn);
        rotation = compose(rotation, turn);
      }
      return joint;
    },
  );
  return { pose: { position: plus(position, rotate(rotation, tip)), rotation }, joints: placed };
}

export const poseOf = (chain: Chain, base: Base, positions: ArrayLike<number>): Pose =>
  place(chain, base, positions).pose;

/** What is left from one pose to another: m, then an axis-angle vector, rad. */
function differenceOf(to: Pose, from: Pose): number[] {
  const turn = toAxisAngle(compose(to.rotation, transpose(from.rotation)));
  return [...minus(to.position, from.position), ...turn];
}

/** Solves A·x = b for a symmetric positive definite A [n][n], by Cholesky's factors. */
function solve(a: readonly number[][], b: readonly number[]): number[] {
  const l = a.map((row) => row.map(() => 0));
  for (let i = 0; i < a.length; i++)
    for (let j = 0; j <= i; j++) {
      let sum = a[i][j];
      for (let k = 0; k < j; k++) sum -= l[i][k] * l[j][k];
      l[i][j] = i === j ? Math.sqrt(sum) : sum / l[j][j];
    }
  const x = [...b];
  for (let i = 0; i < x.length; i++) {
    for (let k = 0; k < i; k++) x[i] -= l[i][k] * x[k];
    x[i] /= l[i][i];
  }
  for (let i = x.length - 1; i >= 0; i--) {
    for (let k = i + 1; k < x.length; k++) x[i] -= l[k][i] * x[k];
    x[i] /= l[i][i];
  }
  return x;
}

/** m and rad: keeps steps short where an arm is stretched out, and ways back from there. */
const DAMPING = 0.02;
/** rad or m of a joint in one iteration, at most. */
const LONGEST_STEP = 0.2;
const MOST_ITERATIONS = 50;
/** m, and rad, that may be left. */
const NEAR = 1e-5;

/** Limits of an arm's joints, from its base on, rad or m. */
export interface Reach {
  lower: readonly number[];
  upper: readonly number[];
}

/**
 * Positions of an arm's joints [joints], rad or m, within their limits, that bring it from its pose to the one that
 * `wayFrom` gives for it: by damped least squares (Wampler, 1986; Nakamura and Hanafusa, 1986), from where it is. Where
 * the pose is out of reach, those that come near.
 */
export function reach(
  chain: Chain,
  base: Base,
  { lower, upper }: Reach,
  from: readonly number[],
  wayFrom: (pose: Pose) => Pose,
): number[] {
  const clamped = (value: number, i: number) => Math.min(Math.max(value, lower[i]), upper[i]);
  let positions = from.map(clamped);
  const begun = place(chain, base, from);
  const target = wayFrom(begun.pose);
  const isWithin = positions.every((value, i) => Object.is(value, from[i]));
  for (let iteration = 0; iteration < MOST_ITERATIONS; iteration++) {
    const { pose, joints } = iteration === 0 && isWithin ? begun : place(chain, base, positions);
    const left = differenceOf(target, pose);
    if (Math.hypot(...left) < NEAR) break;
    const columns = joints.map(({ point, axis, slides }) =>
      slides ? [...axis, 0, 0, 0] : [...cross(axis, minus(pose.position, point)), ...axis],
    );
    const square = left.map((_, i) =>
      left.map(
        (_, j) =>
          columns.reduce((sum, column) => sum + column[i] * column[j], 0) +
          (i === j ? DAMPING ** 2 : 0),
      ),
    );
    const pull = solve(square, left);
    const step = columns.map((column) =>
      column.reduce((sum, value, i) => sum + value * pull[i], 0),
    );
    const scale = Math.min(1, LONGEST_STEP / Math.max(...step.map(Math.abs)));
    positions = positions.map((value, i) => clamped(value + scale * step[i], i));
  }
  return positions;
}
