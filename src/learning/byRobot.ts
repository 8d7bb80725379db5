/** Attempts by the robot that made them, in the order of their first ones; those of robots unknown under undefined. */
export function byRobot<T extends { robot?: string }>(
  attempts: readonly T[],
): Map<string | undefined, T[]> {
  const groups = new Map<string | undefined, T[]>();
  for (const attempt of attempts) {
    const own = groups.get(attempt.robot);
    if (own) own.push(attempt);
    else groups.set(attempt.robot, [attempt]);
  }
  return groups;
}
