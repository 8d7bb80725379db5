import type { Embodiment } from '../robot/embodiment.ts';

/** What commands may be, joint by joint: rad, grippers in openings. */
export interface JointLimits {
  joints: readonly string[];
  lower: Float64Array;
  upper: Float64Array;
  /** Farthest move in one control step. */
  step: Float64Array;
  /** Greatest difference between one move and the next. */
  change: Float64Array;
}

/** An embodiment's limits, velocities and accelerations turned into moves per control step. */
export const jointLimits = ({ joints, controlRate }: Embodiment): JointLimits => ({
  joints: joints.map(({ name }) => name),
  lower: Float64Array.from(joints, ({ lower }) => lower),
  upper: Float64Array.from(joints, ({ upper }) => upper),
  step: Float64Array.from(joints, ({ velocity }) => velocity / controlRate),
  change: Float64Array.from(joints, ({ acceleration }) => acceleration / controlRate ** 2),
});

export const clamp = (value: number, lower: number, upper: number) =>
  Math.min(Math.max(value, lower), upper);

/** A move one step nearer to rest. */
export const braked = (move: number, change: number) =>
  Math.sign(move) * Math.max(0, Math.abs(move) - change);

/**
 * The farthest move within `room` that leaves room to brake: with the moves after it, each `change` shorter,
 * it comes to `room` exactly. n of the moves before rest fill change · n (n + 1) / 2.
 */
export function farthestMove(room: number, change: number): number {
  if (room <= change) return Math.max(0, room);
  const moves = Math.floor((Math.sqrt(1 + (8 * room) / change) - 1) / 2);
  return (room + (change * moves * (moves + 1)) / 2) / (moves + 1);
}

/**
 * The move towards `desired` that trails what it desired before without overshooting: it goes along with
 * the desired motion, and closes a gap that limits have left only as fast as it can brake.
 */
export function pursuit(from: number, desired: number, before: number, change: number): number {
  const gap = before - from;
  if (Math.abs(gap) <= change) return desired - from;
  return desired - before + Math.sign(gap) * farthestMove(Math.abs(gap), change);
}

/**
 * The move nearest to `wanted` for a joint at `from` whose last move was `move`: within its velocity and
 * acceleration limits, and such that braking ends within its position limits. Where those cannot all hold,
 * because it did not begin inside, acceleration and velocity do, and it goes no farther outside than braking takes it.
 */
export function allowedMove(
  { lower, upper, step, change }: JointLimits,
  joint: number,
  from: number,
  move: number,
  wanted: number,
): number {
  const most = change[joint];
  const up = Math.min(step[joint], farthestMove(upper[joint] - from, most));
  const down = Math.min(step[joint], farthestMove(from - lower[joint], most));
  return clamp(clamp(wanted, -down, up), move - most, move + most);
}

/** `from` moved by `move`, kept inside the limits where it was inside; this takes off rounding alone. */
export function moved(limits: JointLimits, joint: number, from: number, move: number): number {
  const lower = limits.lower[joint];
  const upper = limits.upper[joint];
  return from < lower || from > upper ? from + move : clamp(from + move, lower, upper);
}
