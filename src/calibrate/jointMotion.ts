/** rad: less is a nudge, or an arm that sags. */
export const LEAST_MOVE = 0.2;

/** Of the asked joint's range: what the next one may have moved along with it. */
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
      /** Least and greatest driver's angle, rad. */
      range: [number, number];
    };

const rangeOf = (rows: readonly ArrayLike<number>[], joint: number): [number, number] =>
  rows.reduce<[number, number]>(
    ([least, greatest], row) => [Math.min(least, row[joint]), Math.max(greatest, row[joint])],
    [Infinity, -Infinity],
  );

/**
 * Tells which of `joints` moved, and where to first, from rows [time][joint] of drivers' angles, rad,
 * of which the first was read before the move.
 */
export function judgeMotion(rows: readonly ArrayLike<number>[], joints: readonly number[]): Motion {
  const [first, second] = joints
    .map((joint) => ({ joint, range: rangeOf(rows, joint) }))
    .map((moved) => ({ ...moved, width: moved.range[1] - moved.range[0] }))
    .toSorted((a, b) => b.width - a.width);
  if (first === undefined || !(first.width >= LEAST_MOVE)) return { seen: 'still' };
  if (second !== undefined && second.width > LARGEST_COMPANION * first.width)
    return { seen: 'unclear', joint: first.joint, companion: second.joint };
  const { joint, range, width } = first;
  const began = rows[0][joint];
  const far = Math.min(LEAST_MOVE, width / 2);
  const away = rows.find((row) => Math.abs(row[joint] - began) >= far)!;
  return { seen: 'move', joint, direction: away[joint] > began ? 1 : -1, range };
}
