import type { Embodiment } from '../robot/embodiment.ts';

/** Limits of commands, per joint: rad, grippers in openings. */
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
 * The longest move that still leaves room to brake within `room`. Each following move is shorter by `change`, and
 * together they end at `room` exactly. The last n moves before rest cover change · n (n + 1) / 2.
 */
export function farthestMove(room: number, change: number): number {
  if (room <= change) return Math.max(0, room);
  const moves = Math.floor((Math.sqrt(1 + (8 * room) / change) - 1) / 2);
  return (room + (change * moves * (moves + 1)) / 2) / (moves + 1);
}

/**
 * The move that tracks the desired motion, from `before` (last step) to `desired`. When limits have left the joint
 * behind, it catches up no faster than it can brake, so it does not overshoot.
 */
export function pursuit(from: number, desired: number, before: number, change: number): number {
  const gap = before - from;
  if (Math.abs(gap) <= change) return desired - from;
  return desired - before + Math.sign(gap) * farthestMove(Math.abs(gap), change);
}

/**
 * The move nearest to `wanted` for a joint at `from` whose last move was `move`: within its velocity and
 * acceleration limits, and such that braking ends within its position limits. If the joint started outside its
 * position limits, not all of these can hold: then the limits of acceleration and velocity hold, and the joint goes
 * no farther outside than its braking distance.
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

/** `from` plus `move`, clamped to the limits if `from` was inside; the clamp only removes rounding. */
export function moved(limits: JointLimits, joint: number, from: number, move: number): number {
  const lower = limits.lower[joint];
  const upper = limits.upper[joint];
  return from < lower || from > upper ? from + move : clamp(from + move, lower, upper);
}
