import type { ChunkRecord } from '../../episodes/episode.ts';
import type { JointState } from '../../robot/robot.ts';

/** When a chunk was played. */
export type Played = Pick<
  ChunkRecord,
  'observationStamp' | 'delay' | 'executedFrom' | 'executedTo' | 'held'
>;

const NANOSECONDS = 1e9;

/**
 * [horizon] 1 for the rows of a chunk that were sent to the robot, else 0: rows before the delay was over,
 * rows that the next chunk replaced, rows after the end and held rows earn no credit. A record has the number
 * of held rows, not which they are: where there is any, a row counts if it is among the episode's `commands`.
 */
export function executedRows(
  chunk: Played & Pick<ChunkRecord, 'actions' | 'horizon'>,
  commands: readonly JointState[],
): Float32Array {
  const { actions, horizon, executedFrom, executedTo, held, observationStamp } = chunk;
  const mask = new Float32Array(horizon).fill(1, executedFrom, executedTo);
  if (held === 0) return mask;
  const joints = actions.length / horizon;
  const later = commands.filter(({ stamp }) => stamp >= observationStamp);
  return mask.map((counts, row) => {
    const wanted = actions.subarray(row * joints, (row + 1) * joints);
    const sent = later.some(({ position }) => position.every((value, i) => value === wanted[i]));
    return counts * Number(sent);
  });
}

/**
 * Control steps from each chunk's first executed row to the next one's, at least 1; from the last one's
 * to its last executed row, that one included.
 */
export function stepsOfChunks(chunks: readonly Played[], controlRate: number): number[] {
  const first = chunks.map(({ observationStamp, delay, executedFrom }) => {
    const since = Number(observationStamp - chunks[0].observationStamp) / NANOSECONDS;
    // A chunk that the robot waited for begins with its first row.
    return Math.round(since * controlRate) + Math.max(delay, executedFrom);
  });
  return chunks.map(({ executedFrom, executedTo }, i) =>
    Math.max(1, i + 1 < chunks.length ? first[i + 1] - first[i] : executedTo - executedFrom),
  );
}
