/** Rotation as rows [9]; positions [3] in metres. */
export type Rotation = readonly number[];
export type Point = readonly number[];

/** Row-major product of two rotations. */
export function compose(a: Rotation, b: Rotation): Rotation {
  return Array.from({ length: 9 }, (_, at) => {
    const row = 3 * Math.floor(at / 3);
    const column = at % 3;
    return a[row] * b[column] + a[row + 1] * b[3 + column] + a[row + 2] * b[6 + column];
  });
}

/** A rotation applied to a point. */
export function rotate(rotation: Rotation, [x, y, z]: Point): Point {
  return [0, 3, 6].map((row) => rotation[row] * x + rotation[row + 1] * y + rotation[row + 2] * z);
}

/** Rotations about the coordinate axes, rad. */
export const about = {
  x: (angle: number): Rotation => {
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    return [1, 0, 0, 0, c, -s, 0, s, c];
  },
  y: (angle: number): Rotation => {
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    return [c, 0, s, 0, 1, 0, -s, 0, c];
  },
  z: (angle: number): Rotation => {
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    return [c, -s, 0, s, c, 0, 0, 0, 1];
  },
};

/** The inverse of a rotation. */
export const transpose = (m: Rotation): Rotation => [
  ...[m[0], m[3], m[6]],
  ...[m[1], m[4], m[7]],
  ...[m[2], m[5], m[8]],
];

/** Roll, pitch and yaw, rad, about the fixed axes x, y and z in this order, as URDF has them. */
export type RollPitchYaw = readonly [number, number, number];

export const fromRollPitchYaw = ([roll, pitch, yaw]: RollPitchYaw): Rotation =>
  compose(about.z(yaw), compose(about.y(pitch), about.x(roll)));

/** Where the pitch is nearer to a right angle, roll and yaw turn about one axis: all of it is taken as roll. */
const GIMBAL_LOCK = 1e-9;

export function toRollPitchYaw(m: Rotation): [number, number, number] {
  const level = Math.hypot(m[0], m[3]);
  const pitch = Math.atan2(-m[6], level);
  if (level < GIMBAL_LOCK) return [Math.atan2(-m[5], m[4]), pitch, 0];
  return [Math.atan2(m[7], m[8]), pitch, Math.atan2(m[3], m[0])];
}

/** Writes a turn about an axis of length 1, rad, as rows [9]. */
export function writeTurn([x, y, z]: Point, angle: number, into: Float64Array | number[]): void {
  const c = Math.cos(angle);
  const s = Math.sin(angle);
  const v = 1 - c;
  into[0] = c + x * x * v;
  into[1] = x * y * v - z * s;
  into[2] = x * z * v + y * s;
  into[3] = y * x * v + z * s;
  into[4] = c + y * y * v;
  into[5] = y * z * v - x * s;
  into[6] = z * x * v - y * s;
  into[7] = z * y * v + x * s;
  into[8] = c + z * z * v;
}

/** An axis times its angle, rad: an axis-angle vector. */
export function fromAxisAngle(vector: Point): Rotation {
  const angle = Math.hypot(...vector);
  const rotation = [1, 0, 0, 0, 1, 0, 0, 0, 1];
  if (angle > 0) writeTurn(vector.map((value) => value / angle), angle, rotation); // prettier-ignore
  return rotation;
}

/**
 * The axis-angle vector of a rotation, rad, no longer than π. By its quaternion, from the largest of its numbers
 * (Shepperd, 1978), which stays exact at small angles and near π.
 */
export function toAxisAngle(m: Rotation): [number, number, number] {
  const trace = m[0] + m[4] + m[8];
  const largest = [trace, m[0], m[4], m[8]].reduce((at, value, i, all) => (value > all[at] ? i : at), 0); // prettier-ignore
  const differences = [m[7] - m[5], m[2] - m[6], m[3] - m[1]];
  let [w, axis] = [1 + trace, differences];
  if (largest > 0) {
    const i = largest - 1;
    w = differences[i];
    axis = [0, 1, 2].map((j) => (i === j ? 1 + 2 * m[4 * i] - trace : m[3 * i + j] + m[3 * j + i]));
  }
  const length = Math.hypot(...axis);
  if (length === 0) return [0, 0, 0];
  const sign = w < 0 ? -1 : 1;
  const angle = 2 * Math.atan2(length, Math.abs(w));
  return axis.map((value) => (sign * angle * value) / length) as [number, number, number];
}
