import type { ChunkRecord } from '../episodes/episode.ts';
import type { Episode } from '../episodes/readEpisode.ts';
import type { JointState } from '../robot/robot.ts';

/** A control step of an episode: what was seen, and what was commanded. */
export interface EpisodeRow {
  joints: JointState;
  command: JointState;
  /** The newest observation of pictures at that time. */
  chunk: ChunkRecord;
}

/** Gives the last of `items` at or before growing stamps; undefined before the first. */
function lastBefore<T>(items: readonly T[], stampOf: (item: T) => bigint) {
  let next = 0;
  return (stamp: bigint): T | undefined => {
    while (next < items.length && stampOf(items[next]) <= stamp) next += 1;
    return items[next - 1];
  };
}

const byStamp = (a: bigint, b: bigint) => (a < b ? -1 : Number(a > b));

/**
 * An episode as rows, one for each command: with the joints that were measured last before it, and the pictures
 * that were seen last before those. Commands before the first joints or pictures have no row.
 */
export function rowsOf({ joints, commands, chunks }: Episode): EpisodeRow[] {
  const ordered = [...chunks].sort((a, b) => byStamp(a.observationStamp, b.observationStamp));
  const jointsAt = lastBefore(joints, ({ stamp }) => stamp);
  const chunkAt = lastBefore(ordered, ({ observationStamp }) => observationStamp);
  return commands.flatMap((command): EpisodeRow[] => {
    const measured = jointsAt(command.stamp);
    const chunk = measured && chunkAt(measured.stamp);
    return measured && chunk ? [{ joints: measured, command, chunk }] : [];
  });
}
