import { byRobot } from './byRobot.ts';
import type { HeldEpisode } from './corrections.ts';
import { type VersionRecord, versionIn } from './versions.ts';

/**
 * The attempts to learn from next, sorted by id: of each robot in turn its oldest, so that a quick robot does not
 * outweigh a slow one; where one has too few, the others fill up. `waiting` is sorted by id.
 */
export function balancedBatch(waiting: readonly HeldEpisode[], size: number): HeldEpisode[] {
  const robots = byRobot(waiting);
  const batch: HeldEpisode[] = [];
  for (let turn = 0; batch.length < Math.min(size, waiting.length); turn++)
    for (const own of robots.values())
      if (turn < own.length && batch.length < size) batch.push(own[turn]);
  return batch.sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** Versions that were published after the one that made an attempt, up to `current`; 0 where it is not known. */
export function versionsBehind(
  { version }: HeldEpisode,
  versions: readonly VersionRecord[],
  current: string,
): number {
  if (version === undefined) return 0;
  const named = versionIn(version) ?? versions[0].version;
  const [made, now] = [named, current].map((one) => versions.findIndex((known) => known.version === one)); // prettier-ignore
  return made < 0 ? 0 : Math.max(0, now - made);
}
