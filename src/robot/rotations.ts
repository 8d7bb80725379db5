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
