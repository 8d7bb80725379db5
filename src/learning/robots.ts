import { REWARDS } from '../episodes/episode.ts';
import type { Counted, HeldEpisode } from './corrections.ts';
import { type RobotAttempts, type VersionRecord, versionIn } from './versions.ts';

/** Success by robot and version: robots in the order of their names, versions in that of their first attempts. Discarded attempts do not count. */
export function successByRobot(attempts: Iterable<Counted>): RobotAttempts[] {
  const cells = new Map<string, RobotAttempts>();
  for (const { robot, version, reward } of attempts) {
    if (robot === undefined || reward === null) continue;
    const key = `${robot} ${version}`;
    const cell = cells.get(key) ?? { robot, version, attempts: 0, successes: 0 };
    cells.set(key, cell);
    cell.attempts += 1;
    cell.successes += reward;
  }
  return [...cells.values()].sort((a, b) => (a.robot === b.robot ? 0 : a.robot < b.robot ? -1 : 1));
}

/** What attempts count for as their files' indexes tell, whether or not they were learned from yet. */
export const countedAsTold = (
  held: Iterable<HeldEpisode>,
  [first]: readonly VersionRecord[],
): Counted[] =>
  [...held].flatMap(({ robot, version, outcome, label = outcome }) =>
    label === undefined || version === undefined
      ? []
      : { robot, version: versionIn(version) ?? first.version, reward: REWARDS[label] },
  );
