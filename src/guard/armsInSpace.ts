import { ARM_POINTS, HAND_POINTS, armPoints } from '../robot/armKinematics.ts';
import type { Box, PlacedArm, SpaceRules } from '../robot/embodiment.ts';
import { segmentDistance } from './segments.ts';

type Placed = Pick<PlacedArm, 'joints' | 'base'>;

/** How far arms break the rules of space: m outside the workspace by arm, m nearer than the least distance. */
export interface Breach {
  outside: number[];
  near: number;
}

const SEGMENTS = ARM_POINTS - 1;
const FINGERS = SEGMENTS - 1;

/** m that rules are kept stricter by, for the rounding of positions that are added up. */
const MARGIN = 1e-6;

function outsideOf({ lower, upper }: Box, points: Float64Array): number {
  let most = -Infinity;
  for (const point of HAND_POINTS)
    for (let axis = 0; axis < 3; axis++) {
      const at = points[3 * point + axis];
      most = Math.max(most, lower[axis] - at, at - upper[axis]);
    }
  return most + MARGIN;
}

/** An arm's middle line, and the middle of each of its segments, m. */
interface Line {
  points: Float64Array;
  middles: Float64Array;
}

const newLine = (): Line => ({
  points: new Float64Array(3 * ARM_POINTS),
  middles: new Float64Array(3 * SEGMENTS),
});

function bend({ points, middles }: Line, positions: ArrayLike<number>, { joints, base }: Placed) {
  armPoints(positions, joints, base, points);
  for (let i = 0; i < middles.length; i++) middles[i] = (points[i] + points[i + 3]) / 2;
}

/** Half the length of each segment of an arm's middle line, m. */
const halves = (() => {
  const line = newLine();
  bend(line, new Float64Array(6), { joints: [0, 1, 2, 3, 4, 5], base: [0, 0, 0, 0] });
  return Float64Array.from({ length: SEGMENTS }, (_, i) =>
    Math.hypot(...[0, 1, 2].map((axis) => line.middles[3 * i + axis] - line.points[3 * i + axis])),
  );
})();

/** Whether two segments may be nearer than `distance`, by their middles. */
function mayBeNear(a: Line, i: number, b: Line, j: number, distance: number): boolean {
  const x = a.middles[3 * i] - b.middles[3 * j];
  const y = a.middles[3 * i + 1] - b.middles[3 * j + 1];
  const z = a.middles[3 * i + 2] - b.middles[3 * j + 2];
  const far = distance + halves[i] + halves[j];
  return x * x + y * y + z * z < far * far;
}

/** m between two arms' middle lines, `most` if farther; fingers may meet fingers, or hands could hand nothing over. */
function distanceOf(a: Line, b: Line, most: number): number {
  let least = most;
  for (let i = 0; i < SEGMENTS; i++)
    for (let j = 0; j < SEGMENTS; j++)
      if ((i < FINGERS || j < FINGERS) && mayBeNear(a, i, b, j, least))
        least = Math.min(least, segmentDistance(a.points, i, b.points, j));
  return least;
}

/**
 * Measures how far a robot at positions [joints] breaks its rules of space: what is found is added `into` a
 * breach where it is worse.
 */
export function createSpaceCheck({ arms, workspace, leastDistance }: SpaceRules) {
  const lines = arms.map(newLine);
  return (positions: Float64Array, into: Breach): void => {
    for (let arm = 0; arm < arms.length; arm++) {
      bend(lines[arm], positions, arms[arm]);
      if (workspace)
        into.outside[arm] = Math.max(into.outside[arm], outsideOf(workspace, lines[arm].points));
    }
    if (leastDistance === undefined) return;
    const kept = leastDistance + MARGIN;
    for (let one = 0; one < arms.length; one++)
      for (let other = one + 1; other < arms.length; other++)
        into.near = Math.max(into.near, kept - distanceOf(lines[one], lines[other], kept));
  };
}
