import type { Orbit } from './orbit.ts';

/** A box in the robot's frame, m. */
export interface Extent {
  centre: readonly [number, number, number];
  /** Half of its diagonal. */
  radius: number;
}

/** Where a point of the robot's frame lies on the canvas. */
export type Projection = (x: number, y: number, z: number) => readonly [number, number];

/** The camera's distance from the centre, in radii: some perspective, no distortion. */
const DISTANCE = 4;

/** A perspective view of `extent` that fills a canvas. */
export function projection(
  { turn, height, zoom }: Orbit,
  { centre, radius }: Extent,
  width: number,
  rows: number,
): Projection {
  const [ct, st] = [Math.cos(turn), Math.sin(turn)];
  const [ch, sh] = [Math.cos(height), Math.sin(height)];
  const scale = (zoom * Math.min(0.37 * width, 0.62 * rows) * DISTANCE) / radius;
  return (x, y, z) => {
    const [dx, dy, dz] = [x - centre[0], y - centre[1], z - centre[2]];
    const right = ct * dy - st * dx;
    const toViewer = ct * dx + st * dy;
    const up = ch * dz - sh * toViewer;
    const depth = DISTANCE - (ch * toViewer + sh * dz) / radius;
    return [width / 2 + (scale * right) / depth, rows / 2 - (scale * up) / depth];
  };
}
