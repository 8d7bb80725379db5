/** Largest and mean size of a joint's acceleration (rad/s²) or jerk (rad/s³) over control steps. */
export interface Sizes {
  largest: number;
  mean: number;
}

/** How smooth commands are, at the joins of chunks and within chunks. */
export interface MotionFigures {
  acceleration: { joins: Sizes; within: Sizes };
  jerk: { joins: Sizes; within: Sizes };
}

/** Control steps from a join on in which differences of commands before and after it meet, by their order. */
const REACH = { acceleration: 2, jerk: 3 };

const differences = (rows: readonly Float64Array[]) =>
  rows.slice(1).map((row, i) => row.map((value, joint) => value - rows[i][joint]));

const sizesOf = (values: readonly number[]): Sizes => ({
  largest: Math.max(0, ...values),
  mean: values.length > 0 ? values.reduce((sum, value) => sum + value, 0) / values.length : 0,
});

/**
 * Figures of `commands`, one [joints] a control step, `rate` Hz, each step counting with the joint of `arms`
 * that moves most. A join is the first command that is a new chunk's.
 */
export function motionFigures(
  commands: readonly Float64Array[],
  joins: readonly number[],
  arms: readonly number[],
  rate: number,
): MotionFigures {
  const figure = (kind: keyof typeof REACH, order: number): { joins: Sizes; within: Sizes } => {
    let rows = [...commands];
    for (let i = 0; i < order; i++) rows = differences(rows);
    const sizes = rows.map((row) => Math.max(...arms.map((joint) => Math.abs(row[joint]) * rate ** order))); // prettier-ignore
    // A difference of order n at place i ends with command i + n.
    const near = new Set(joins.flatMap((join) => Array.from({ length: REACH[kind] }, (_, i) => join + i - order))); // prettier-ignore
    return {
      joins: sizesOf(sizes.filter((_, i) => near.has(i))),
      within: sizesOf(sizes.filter((_, i) => !near.has(i))),
    };
  };
  return { acceleration: figure('acceleration', 2), jerk: figure('jerk', 3) };
}
