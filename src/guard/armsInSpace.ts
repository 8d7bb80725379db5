import { type ArmLine, HAND_POINTS } from '../robot/armLine.ts';
import type { Base, Box, PlacedArm, SpaceRules } from '../robot/embodiment.ts';
import { kinematicsOf } from '../robot/kinematicsOf.ts';
import { segmentDistance } from './segments.ts';

/** How far arms violate the space rules: m outside the workspace, per arm; m below the least distance. */
export interface Breach {
  outside: number[];
  near: number;
}

/** Safety margin of the rules, m: covers rounding in summed positions. */
const MARGIN = 1e-6;

/** Distance of a hand's farthest point outside the workspace, m, plus `MARGIN`. */
function outsideOf({ lower, upper }: Box, { segments, points }: Line): number {
  let most = -Infinity;
  for (let point = segments + 1 - HAND_POINTS; point <= segments; point++)
    for (let axis = 0; axis < 3; axis++) {
      const at = points[3 * point + axis];
      most = Math.max(most, lower[axis] - at, at - upper[axis]);
    }
  return most + MARGIN;
}

/** An arm's centre line in its current pose. The last segment is the fingers. */
interface Line {
  kinematics: ArmLine;
  segments: number;
  /** [segments + 1, 3] m */
  points: Float64Array;
  /** [segments, 3] the middle of each segment, m. */
  middles: Float64Array;
  /** [segments] half the length of each, m. */
  halves: Float64Array;
}

function measureHalves({ halves, middles, points }: Line): void {
  for (let i = 0; i < halves.length; i++) {
    const at = 3 * i;
    halves[i] = Math.hypot(
      middles[at] - points[at],
      middles[at + 1] - points[at + 1],
      middles[at + 2] - points[at + 2],
    );
  }
}

function bend(line: Line, positions: ArrayLike<number>, joints: readonly number[], base: Base) {
  const { kinematics, points, middles } = line;
  kinematics.write(positions, joints, base, points);
  for (let i = 0; i < middles.length; i++) middles[i] = (points[i] + points[i + 3]) / 2;
  if (!kinematics.rigid) measureHalves(line);
}

function lineOf(arm: PlacedArm): Line {
  const { joints } = arm;
  const kinematics = kinematicsOf(arm);
  const segments = kinematics.points - 1;
  const line: Line = {
    kinematics,
    segments,
    points: new Float64Array(3 * kinematics.points),
    middles: new Float64Array(3 * segments),
    halves: new Float64Array(segments),
  };
  bend(line, new Float64Array(joints.length), [...joints.keys()], [0, 0, 0, 0]);
  measureHalves(line);
  return line;
}

/** Whether two segments may be nearer than `distance`: a bounding-sphere test around their middles. */
function mayBeNear(a: Line, i: number, b: Line, j: number, distance: number): boolean {
  const x = a.middles[3 * i] - b.middles[3 * j];
  const y = a.middles[3 * i + 1] - b.middles[3 * j + 1];
  const z = a.middles[3 * i + 2] - b.middles[3 * j + 2];
  const far = distance + a.halves[i] + b.halves[j];
  return x * x + y * y + z * z < far * far;
}

/** Distance between two arms' centre lines, m, at most `most`. Finger pairs are left out, so that hands can hand over objects. */
function distanceOf(a: Line, b: Line, most: number): number {
  let least = most;
  const [fingersOfA, fingersOfB] = [a.segments - 1, b.segments - 1];
  for (let i = 0; i < a.segments; i++)
    for (let j = 0; j < b.segments; j++)
      if ((i < fingersOfA || j < fingersOfB) && mayBeNear(a, i, b, j, least))
        least = Math.min(least, segmentDistance(a.points, i, b.points, j));
  return least;
}

/**
 * Measures how far a robot at positions [joints] violates its space rules. Raises the values of `into` where the new
 * ones are larger.
 */
export function createSpaceCheck({ arms, workspace, leastDistance }: SpaceRules) {
  const lines = arms.map(lineOf);
  return (positions: Float64Array, into: Breach): void => {
    for (let arm = 0; arm < arms.length; arm++) {
      bend(lines[arm], positions, arms[arm].joints, arms[arm].base);
      if (workspace)
        into.outside[arm] = Math.max(into.outside[arm], outsideOf(workspace, lines[arm]));
    }
    if (leastDistance === undefined) return;
    const kept = leastDistance + MARGIN;
    for (let one = 0; one < arms.length; one++)
      for (let other = one + 1; other < arms.length; other++)
        into.near = Math.max(into.near, kept - distanceOf(lines[one], lines[other], kept));
  };
}
