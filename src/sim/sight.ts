import type { MjData } from './mujoco.ts';
import type { Viewpoint } from './rays.ts';

/** The data of a shape that determine its position in an image. */
export interface Bounded {
  id: number;
  /** Radius of its bounding sphere, m. */
  bound: number;
}

/** Where a shape's centre lies from a camera's eye. */
export interface Sighting {
  /** m, in the world's frame. */
  offset: Float64Array;
  /** Bounds of the rays that may hit the shape: least and greatest u, then v. */
  window: Float64Array;
}

/** Least and greatest slope at which a ball appears: `across` and `ahead` of the eye, m. */
function slopes(across: number, ahead: number, radius: number): [number, number] {
  const distance = Math.hypot(across, ahead);
  if (distance <= radius) return [-Infinity, Infinity];
  const middle = Math.atan2(across, ahead);
  const half = Math.asin(radius / distance);
  const slope = (angle: number) =>
    Math.abs(angle) < Math.PI / 2 ? Math.tan(angle) : Math.sign(angle) * Infinity;
  return [slope(middle - half), slope(middle + half)];
}

/** A shape's position relative to a camera; undefined if it is entirely behind the camera. */
export function sightingOf(
  { id, bound }: Bounded,
  data: MjData,
  { eye, axes }: Viewpoint,
): Sighting | undefined {
  const positions = data.geom_xpos as Float64Array;
  const offset = new Float64Array(3);
  for (let axis = 0; axis < 3; axis++) offset[axis] = positions[3 * id + axis] - eye[axis];
  const along = (axis: number) =>
    offset[0] * axes[axis] + offset[1] * axes[3 + axis] + offset[2] * axes[6 + axis];
  const ahead = -along(2);
  if (ahead < -bound) return undefined;
  const window = new Float64Array(4);
  window.set(slopes(along(0), ahead, bound));
  window.set(slopes(along(1), ahead, bound), 2);
  return { offset, window };
}
