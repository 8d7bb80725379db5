import type { ChunkTiming } from '../policy/chunkPolicy.ts';
import type { GuardEvent, GuardRule } from '../guard/guardEvents.ts';

/** How often a guard rule was triggered for a joint or sensor. */
export interface GuardCount {
  rule: GuardRule;
  source: string;
  count: number;
  /** The greatest amount: rad or openings, m, milliseconds, or steps in a row. */
  worst: number;
}

/** Adds events to their counts. */
export function countEvents(counts: Map<string, GuardCount>, events: readonly GuardEvent[]): void {
  for (const { rule, source, amount } of events) {
    const key = `${rule} ${source}`;
    const known = counts.get(key) ?? { rule, source, count: 0, worst: 0 };
    known.count += 1;
    known.worst = Math.max(known.worst, amount);
    counts.set(key, known);
  }
}

/** Durations of an attempt's chunks, milliseconds. */
export interface ChunkMilliseconds {
  /** From request to result. */
  mean: number;
  max: number;
  /** Mean of ONNX Runtime's own call. */
  run: number;
  /** Mean of everything else. */
  overhead: number;
}

/** Running sums of chunk durations, milliseconds. */
export interface ChunkTally {
  count: number;
  total: number;
  run: number;
  max: number;
  /** Of the newest chunk, from request to result. */
  latest: number;
}

export const noChunks = (): ChunkTally => ({ count: 0, total: 0, run: 0, max: 0, latest: 0 });

/** Adds a chunk to its tally. */
export function countChunk(tally: ChunkTally, { total, run }: ChunkTiming): void {
  tally.count += 1;
  tally.total += total;
  tally.run += run;
  tally.max = Math.max(tally.max, total);
  tally.latest = total;
}

/** Means over an attempt's chunks; null if there was none. */
export function summarise({ count, total, run, max }: ChunkTally): ChunkMilliseconds | null {
  if (count === 0) return null;
  return { mean: total / count, max, run: run / count, overhead: (total - run) / count };
}
