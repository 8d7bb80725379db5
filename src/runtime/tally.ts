import type { ChunkTiming } from '../policy/chunkPolicy.ts';
import type { GuardEvent, GuardRule } from './guardEvents.ts';

/** How often a rule spoke of a joint or sensor. */
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

/** What chunks took, in milliseconds. */
export interface ChunkMilliseconds {
  /** From request to result. */
  mean: number;
  max: number;
  /** Mean of ONNX Runtime's own call. */
  run: number;
  /** Mean of everything else. */
  overhead: number;
}

/** Means over an attempt's chunks; null if there was none. */
export function summarise(timings: readonly ChunkTiming[]): ChunkMilliseconds | null {
  if (timings.length === 0) return null;
  const mean = (value: (timing: ChunkTiming) => number) =>
    timings.reduce((sum, timing) => sum + value(timing), 0) / timings.length;
  const total = mean((timing) => timing.total);
  const run = mean((timing) => timing.run);
  const max = Math.max(...timings.map((timing) => timing.total));
  return { mean: total, max, run, overhead: total - run };
}
