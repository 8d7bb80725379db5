import { ARM_POINTS, armPoints } from '../robot/armKinematics.ts';
import type { Box, SpaceRules } from '../robot/embodiment.ts';
import { segmentDistance } from './segments.ts';

/** How far arms break the rules of space: m outside the workspace by arm, m nearer than the least distance. */
export interface Breach {
  outside: number[];
  near: number;
}

/** Points of the hand, which the workspace is for: gripper link and fingertips. */
const HAND = [4, 5];
const SEGMENTS = ARM_POINTS - 1;
const FINGERS = SEGMENTS - 1;

/** m that rules are kept stricter by, for the rounding of positions that are added up. */
const MARGIN = 1e-6;

function outsideOf({ lower, upper }: Box, points: Float64Array): number {
  let most = -Infinity;
  for (const point of HAND)
    for (let axis = 0; axis < 3; axis++) {
      const at = points[3 * point + axis];
      most = Math.max(most, lower[axis] - at, at - upper[axis]);
    }
  return most + MARGIN;
}

/** Half the length of each segment of an arm's middle line, m. */
const halves = (() => {
  const line = new Float64Array(3 * ARM_POINTS);
  armPoints([0, 0, 0, 0, 0, 0], [0, 1, 2, 3, 4, 5], [0, 0, 0, 0], line);
  return Float64Array.from({ length: SEGMENTS }, (_, i) => {
    const [x, y, z] = [0, 1, 2].map((axis) => line[3 * i + 3 + axis] - line[3 * i + axis]);
    return Math.hypot(x, y, z) / 2;
  });
})();

/** Whether two segments may be nearer than `distance`, by their middles. */
function mayBeNear(a: Float64Array, i: number, b: Float64Array, j: number, distance: number) {
  const p = 3 * i;
  const q = 3 * j;
  const x = (a[p] + a[p + 3] - b[q] - b[q + 3]) / 2;
  const y = (a[p + 1] + a[p + 4] - b[q + 1] - b[q + 4]) / 2;
  const z = (a[p + 2] + a[p + 5] - b[q + 2] - b[q + 5]) / 2;
  const far = distance + halves[i] + halves[j];
  return x * x + y * y + z * z < far * far;
}

/** m between two arms' middle lines, `most` if farther; fingers may meet fingers, or hands could hand nothing over. */
function distanceOf(a: Float64Array, b: Float64Array, most: number): number {
  let least = most;
  for (let i = 0; i < SEGMENTS; i++)
    for (let j = 0; j < SEGMENTS; j++)
      if ((i < FINGERS || j < FINGERS) && mayBeNear(a, i, b, j, least))
        least = Math.min(least, segmentDistance(a, i, b, j));
  return least;
}

/**
 * Measures how far a robot at positions [joints] breaks its rules of space: what is found is added `into` a
 * breach where it is worse.
 */
export function createSpaceCheck({ arms, workspace, leastDistance }: SpaceRules) {
  const points = arms.map(() => new Float64Array(3 * ARM_POINTS));
  return (positions: Float64Array, into: Breach): void => {
    for (let arm = 0; arm < arms.length; arm++) {
      armPoints(positions, arms[arm].joints, arms[arm].base, points[arm]);
      if (workspace)
        into.outside[arm] = Math.max(into.outside[arm], outsideOf(workspace, points[arm]));
    }
    if (leastDistance === undefined) return;
    const kept = leastDistance + MARGIN;
    for (let one = 0; one < arms.length; one++)
      for (let other = one + 1; other < arms.length; other++)
        into.near = Math.max(into.near, kept - distanceOf(points[one], points[other], kept));
  };
}
