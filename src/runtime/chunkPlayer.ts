/** A chunk being played: its row 0 belongs to control step `origin`, that of its observation. */
export interface PlayedChunk<T> {
  content: T;
  origin: number;
  /** [horizon, joints] */
  actions: Float32Array;
  horizon: number;
}

/** Which rows of a chunk were sent: from `from` up to but not including `to`. */
export interface Played<T> {
  content: T;
  /** Rows that were past when the chunk was put in play. */
  delay: number;
  from: number;
  to: number;
  /** Rows among them that were not sent. */
  held: number;
}

/** Plays action chunks, one row a control step. Steps must not run backwards. */
export interface ChunkPlayer<T> {
  /** Puts a chunk in play at step `tick` and gives back the one that it replaces, if any. */
  swap(chunk: PlayedChunk<T>, tick: number): Played<T> | undefined;
  /** [joints] desired at step `tick`, or null when there is nothing left to play. */
  row(tick: number): Float64Array | null;
  /** Rows [rows, joints] that are still to be played, from that of step `tick` on; null if there are none. */
  ahead(tick: number): Float32Array | null;
  /** Counts the row of step `tick` as sent. */
  sent(tick: number): void;
  /** Ends the chunk in play. */
  finish(): Played<T> | undefined;
}

/** A player of chunks of `joints` columns. */
export function createChunkPlayer<T>(joints: number): ChunkPlayer<T> {
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

  return {
    finish,
    swap(next, tick) {
      const ended = finish();
      chunk = next;
      delay = tick - next.origin;
      return ended;
    },
    row(tick) {
      if (chunk === undefined) return null;
      const index = tick - chunk.origin;
      if (index >= chunk.horizon) return null;
      return Float64Array.from(chunk.actions.subarray(index * joints, (index + 1) * joints));
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
