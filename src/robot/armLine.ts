/** Points at the end of a line that are those of the hand: where its fingers begin, and their tips. */
export const HAND_POINTS = 2;

/**
 * The middle line of an arm: points from its base over its joints to its fingertips. The last
 * HAND_POINTS are those of the hand.
 */
export interface ArmLine {
  readonly points: number;
  /** Whether the points of each segment keep their distance, as they do without prismatic joints. */
  readonly rigid: boolean;
  /**
   * Forward kinematics: writes the points `into` [points, 3], m in the robot's frame, for an arm on `base` whose
   * joints, from its base on, are at the indices `joints` of `positions`. Allocates nothing.
   */
  write(
    positions: ArrayLike<number>,
    joints: readonly number[],
    base: readonly number[],
    into: Float64Array,
  ): void;
}
