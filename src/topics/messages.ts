import { type Stamp, headerAt, stampOf } from '../episodes/rosTime.ts';

/** sensor_msgs/JointState as it is used here. */
export interface JointStateMessage {
  header: { stamp: Stamp };
  name: string[];
  position: ArrayLike<number>;
}

/** Numbers for a float64[] field: a fresh plain array, since publishing reads past a view's bounds. */
const numbers = (values: ArrayLike<number>): number[] => Array.from(values);

/** sensor_msgs/JointState; positions in rad, as the driver has them. */
export const jointState = (stamp: bigint, name: string[], position: ArrayLike<number>) => ({
  header: headerAt(stamp),
  name,
  position: numbers(position),
  velocity: name.map(() => 0),
  effort: name.map(() => 0),
});

/**
 * trajectory_msgs/JointTrajectory of rows [steps][joints], the first at `stamp`, the next ones a period
 * (s) apart. Velocities are central differences, one-sided at the ends, so that a controller joins the
 * points without stopping.
 */
export function jointTrajectory(
  stamp: bigint,
  names: string[],
  rows: readonly ArrayLike<number>[],
  period: number,
) {
  const velocity = (row: number, joint: number) => {
    const [before, after] = [Math.max(0, row - 1), Math.min(rows.length - 1, row + 1)];
    return after === before
      ? 0
      : (rows[after][joint] - rows[before][joint]) / ((after - before) * period);
  };
  return {
    header: headerAt(stamp),
    joint_names: names,
    points: rows.map((positions, row) => ({
      positions: numbers(positions),
      velocities: names.map((_, joint) => velocity(row, joint)),
      accelerations: [],
      effort: [],
      time_from_start: stampOf(BigInt(Math.round(row * period * 1e9))),
    })),
  };
}

/** sensor_msgs/Image of RGB8 pixels [height, width, 3]. */
export const image = (
  stamp: bigint,
  frame: string,
  { width, height }: { width: number; height: number },
  pixels: Uint8Array,
) => ({
  header: headerAt(stamp, frame),
  height,
  width,
  encoding: 'rgb8',
  is_bigendian: 0,
  step: width * 3,
  data: Uint8Array.from(pixels),
});
