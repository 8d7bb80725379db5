import type { ChunkRecord } from '../../episodes/episode.ts';
import type { JointState } from '../../robot/robot.ts';

/** The execution of a chunk. */
export type Played = Pick<
  ChunkRecord,
  'observationStamp' | 'delay' | 'executedFrom' | 'executedTo' | 'held'
>;

const NANOSECONDS = 1e9;

/** Control steps from one stamp to another, ns. */
export const stepsBetween = (from: bigint, to: bigint, controlRate: number): number =>
  Math.round((Number(to - from) / NANOSECONDS) * controlRate);

/**
 * [horizon] 1 for the rows of a chunk that were sent to the robot, else 0. Rows skipped by the delay,
 * replaced by the next chunk, after the end, or held get no credit. A record counts held rows without listing
 * them: if there are any, a row counts only if the episode's `commands` contain it.
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
 * Control steps from each chunk's first executed row to the next chunk's, at least 1; for the last chunk, up
 * to and including its last executed row.
 */
export function stepsOfChunks(chunks: readonly Played[], controlRate: number): number[] {
  const first = chunks.map(({ observationStamp, delay, executedFrom }) => {
    const since = stepsBetween(chunks[0].observationStamp, observationStamp, controlRate);
    // Execution of a chunk starts at its first row if the robot waited for it.
    return since + Math.max(delay, executedFrom);
  });
  return chunks.map(({ executedFrom, executedTo }, i) =>
    Math.max(1, i + 1 < chunks.length ? first[i + 1] - first[i] : executedTo - executedFrom),
  );
}
