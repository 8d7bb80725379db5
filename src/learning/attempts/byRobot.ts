import type { Rollout } from './rollout.ts';

/** Attempts by the robot that made them, in the order of their first ones; those of robots unknown under undefined. */
export function byRobot<T extends Pick<Rollout, 'robot'>>(
  attempts: readonly T[],
): Map<string | undefined, T[]> {
  const groups = new Map<string | undefined, T[]>();
  for (const attempt of attempts)
    groups.set(attempt.robot, [...(groups.get(attempt.robot) ?? []), attempt]);
  return groups;
}
