/** A chunk in play. Row 0 belongs to control step `origin`, the step of its observation. */
export interface PlayedChunk<T> {
  content: T;
  origin: number;
  /** [horizon, joints] */
  actions: Float32Array;
  horizon: number;
}

/** The rows of a chunk that were sent: `from` to `to`, exclusive. */
export interface Played<T> {
  content: T;
  /** Rows whose steps had passed when the chunk was put in play. */
  delay: number;
  from: number;
  to: number;
  /** Rows among them that were not sent. */
  held: number;
}

/** Plays action chunks, one row per control step. Steps must not decrease. */
export interface ChunkPlayer<T> {
  /** Puts a chunk in play at step `tick`. Returns the one that it replaces, if any. */
  swap(chunk: PlayedChunk<T>, tick: number): Played<T> | undefined;
  /** [joints] desired at step `tick`, or null when no row is left. */
  row(tick: number): Float64Array | null;
  /** [rows, joints] remaining rows from step `tick` on; null if there are none. */
  ahead(tick: number): Float32Array | null;
  /** Counts the row of step `tick` as sent. */
  sent(tick: number): void;
  /** Ends the chunk in play. */
  finish(): Played<T> | undefined;
}

/** Factor from the weight of a chunk to that of the next newer one (ACT, arXiv 2304.13705). */
const NEWER_WEIGHT = Math.exp(-0.01);

/** Weighted mean of the rows [joints] for one step, oldest first; the oldest has the largest weight. */
function ensembled(rows: readonly Float32Array[]): Float64Array {
  const mean = new Float64Array(rows[0].length);
  const sum = rows.reduce((total, _, age) => total + NEWER_WEIGHT ** age, 0);
  rows.forEach((row, age) => {
    for (let joint = 0; joint < row.length; joint++)
      mean[joint] += (row[joint] * NEWER_WEIGHT ** age) / sum;
  });
  return mean;
}

/**
 * A player of chunks with `joints` columns. If it `ensembles`, it plays the weighted mean of all chunks that have a
 * row for a step; otherwise the newest chunk's row.
 */
export function createChunkPlayer<T>(joints: number, ensembles = false): ChunkPlayer<T> {
  let older: PlayedChunk<T>[] = [];
  let chunk: PlayedChunk<T> | undefined;
  let delay = 0;
  let sentRows: number[] = [];

  const finish = (): Played<T> | undefined => {
    if (chunk === undefined) return undefined;
    const from = sentRows[0] ?? Math.min(delay, chunk.horizon);
    const to = sentRows.length > 0 ? sentRows.at(-1)! + 1 : from;
    const played = { content: chunk.content, delay, from, to, held: to - from - sentRows.length };
    chunk = undefined;
    sentRows = [];
    return played;
  };

  const rowOf = ({ origin, actions, horizon }: PlayedChunk<T>, tick: number) => {
    const index = tick - origin;
    return index < horizon ? actions.subarray(index * joints, (index + 1) * joints) : undefined;
  };

  return {
    finish,
    swap(next, tick) {
      if (ensembles && chunk) older = [...older, chunk].filter((one) => rowOf(one, tick));
      const ended = finish();
      chunk = next;
      delay = tick - next.origin;
      return ended;
    },
    row(tick) {
      if (chunk === undefined) return null;
      const rows = [...older, chunk].flatMap((one) => rowOf(one, tick) ?? []);
      return rows.length > 0 ? ensembled(rows) : null;
    },
    ahead(tick) {
      const index = chunk === undefined ? 0 : tick - chunk.origin;
      if (chunk === undefined || index >= chunk.horizon) return null;
      return chunk.actions.subarray(index * joints, chunk.horizon * joints);
    },
    sent(tick) {
      if (chunk !== undefined) sentRows.push(tick - chunk.origin);
    },
  };
}
