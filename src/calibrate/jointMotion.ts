import type { Arm, CalibratedJoint, Calibration } from '../robot/calibration.ts';

/** Least moves that are measured: less is a nudge, or an arm that sags. */
const LEAST_MOVES = { turn: 0.2, slide: 0.05, fingers: 0.01 };

/** rad, or m of what slides. */
function leastMove({ kind }: CalibratedJoint, { gripper }: Arm): number {
  if (kind === 'prismatic') return LEAST_MOVES.slide;
  const slides = kind === 'gripper' && gripper?.kind === 'prismatic';
  return slides ? LEAST_MOVES.fingers : LEAST_MOVES.turn;
}

/** How far each joint must move to be measured, [joints] rad, or m of what slides. */
export const leastMoves = ({ arms, joints }: Calibration): number[] =>
  joints.map((joint) =>
    leastMove(
      joint,
      arms.find(({ name }) => name === joint.arm)!,
    ),
  );

/** Of the asked joint's range, in least moves: what the next one may have moved along with it. */
const LARGEST_COMPANION = 0.5;

/** What a person's move of a joint showed. `joint` is an index into the angles. */
export type Motion =
  | { seen: 'still' }
  /** Another joint moved as far, or nearly: no telling which was meant. */
  | { seen: 'unclear'; joint: number; companion: number }
  | {
      seen: 'move';
      /** The one that moved. */
      joint: number;
      /** Whether its driver's angle grew or shrank at first. */
      direction: 1 | -1;
      /** Least and greatest of its driver's positions, rad or m. */
      range: [number, number];
    };

const rangeOf = (rows: readonly ArrayLike<number>[], joint: number): [number, number] =>
  rows.reduce<[number, number]>(
    ([least, greatest], row) => [Math.min(least, row[joint]), Math.max(greatest, row[joint])],
    [Infinity, -Infinity],
  );

/** The joints that may have moved. */
export interface Candidates {
  joints: readonly number[];
  /** [joints of the robot] how far each must move to be measured, rad or m. */
  least: ArrayLike<number>;
}

/**
 * Which of several joints moved, and where to first, by rows [time][joint] of drivers' positions, rad or m, of which
 * the first was read before the move.
 */
export function judgeMotion(
  rows: readonly ArrayLike<number>[],
  { joints, least }: Candidates,
): Motion {
  const [first, second] = joints
    .map((joint) => ({ joint, range: rangeOf(rows, joint) }))
    .map((moved) => ({ ...moved, width: moved.range[1] - moved.range[0] }))
    .map((moved) => ({ ...moved, moves: moved.width / least[moved.joint] }))
    .toSorted((a, b) => b.moves - a.moves);
  if (first === undefined || !(first.width >= least[first.joint])) return { seen: 'still' };
  if (second !== undefined && second.moves > LARGEST_COMPANION * first.moves)
    return { seen: 'unclear', joint: first.joint, companion: second.joint };
  const { joint, range, width } = first;
  const began = rows[0][joint];
  const far = Math.min(least[joint], width / 2);
  const away = rows.find((row) => Math.abs(row[joint] - began) >= far)!;
  return { seen: 'move', joint, direction: away[joint] > began ? 1 : -1, range };
}
