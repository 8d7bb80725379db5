import { HAND_POINTS } from '../../../robot/armLine.ts';
import type { PlacedArm } from '../../../robot/embodiment.ts';
import { kinematicsOf } from '../../../robot/kinematicsOf.ts';
import type { Extent } from './projection.ts';

/** An arm that can be drawn: its points from base to fingertips, [points, 3]. */
export interface DrawnArm {
  name: string;
  /** Index of the first point of the hand. */
  hand: number;
  at(positions: ArrayLike<number>): Float64Array;
}

/** The arms of a robot. What `at` returns is written anew by its next call. */
export const drawnArms = (arms: readonly PlacedArm[]): DrawnArm[] =>
  arms.map((arm) => {
    const line = kinematicsOf(arm);
    const points = new Float64Array(3 * line.points);
    return {
      name: arm.name,
      hand: line.points - HAND_POINTS,
      at(positions) {
        line.write(positions, arm.joints, arm.base, points);
        return points;
      },
    };
  });

/** The way of each arm's fingertips over rows [horizon, joints], as [horizon, 3]. */
export function tipPaths(
  arms: readonly DrawnArm[],
  rows: Float32Array,
  horizon: number,
): Float64Array[] {
  const joints = rows.length / horizon;
  return arms.map((arm) => {
    const path = new Float64Array(3 * horizon);
    for (let row = 0; row < horizon; row++)
      path.set(arm.at(rows.subarray(row * joints, (row + 1) * joints)).subarray(-3), 3 * row);
    return path;
  });
}

/** What a single arm may reach about its base, m: for robots of one arm. */
const REACH = 0.55;

/** What is looked at: the bases and what lies between and above them. */
export function extentOf(arms: readonly PlacedArm[]): Extent {
  const xs = arms.map(({ base }) => base[0]);
  const ys = arms.map(({ base }) => base[1]);
  const z = Math.min(...arms.map(({ base }) => base[2]));
  const middle = (values: number[]) => (Math.min(...values) + Math.max(...values)) / 2;
  const spread = Math.hypot(Math.max(...xs) - Math.min(...xs), Math.max(...ys) - Math.min(...ys));
  return { centre: [middle(xs), middle(ys), z + 0.2], radius: Math.max(REACH, 0.62 * spread) };
}

/** What a close-up may show on either side of its middle, m. */
const RADII = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1];

/** The least extent of `RADII` about the middle of a path [rows, 3], m, that holds all of it. */
export function extentOfPath(path: Float64Array): Extent {
  const axis = (offset: number) => path.filter((_, i) => i % 3 === offset);
  const middle = (values: Float64Array) => (Math.min(...values) + Math.max(...values)) / 2;
  const centre = [middle(axis(0)), middle(axis(1)), middle(axis(2))] as const;
  const distances = axis(0).map((x, row) =>
    Math.hypot(x - centre[0], path[3 * row + 1] - centre[1], path[3 * row + 2] - centre[2]),
  );
  const farthest = Math.max(...distances);
  return { centre, radius: RADII.find((radius) => radius >= farthest) ?? farthest };
}
