import type { ChunkTimeline, Outcome } from '../episodes/episode.ts';
import type { Chunk } from '../policy/chunkPolicy.ts';
import { type Distribution, type Percentiles, createDistribution } from './distribution.ts';
import type { GuardEvent } from '../guard/guardEvents.ts';
import { LATE_CAUSES, type LateCause, watchLateness } from './lateness.ts';

/** The figures kept as distributions, with their descriptions. */
export const FIGURES = {
  lateness: 'how late a tick was',
  preprocess: "a chunk's preprocessing",
  run: "a chunk in ONNX Runtime's call",
  total: 'a chunk from request to result',
  reaction: "oldest frame or joints to a chunk's first command",
} as const;
export type Figure = keyof typeof FIGURES;

const figures = Object.keys(FIGURES) as Figure[];

/** Called with everything as it is measured; milliseconds. */
export interface MeterListener {
  observed(figure: Figure, value: number): void;
  missed(cause: LateCause, ticks: number): void;
  chunk(policyVersion: string): void;
  guarded(event: GuardEvent): void;
  attempt(outcome: Outcome): void;
}

/** Measurements of a run's attempts, by figure. */
export interface MeterReading {
  figures: Partial<Record<Figure, Percentiles>>;
  /** Missed ticks by cause. */
  missed: Record<LateCause, number>;
}

/** Measures the attempts of a run together. One run at a time. */
export interface Meters {
  /** A tick as it wakes: `late` ms after it was due, with `missed` further ticks skipped. */
  tick(late: number, missed: number): void;
  /** A chunk that was put in play. */
  chunk(chunk: Pick<Chunk, 'policyVersion' | 'timing'>): void;
  /** The first command of a chunk whose oldest input has this `stamp`, both ns. */
  firstCommand(timeline: ChunkTimeline, stamp: bigint): void;
  guarded(events: readonly GuardEvent[]): void;
  attempt(outcome: Outcome): void;
  /** Resolves when every missed tick so far has a cause. */
  settled(): Promise<void>;
  reading(): MeterReading;
  close(): void;
}

/** Creates meters without measurements. */
export function createMeters(...given: readonly (Partial<MeterListener> | undefined)[]): Meters {
  const listeners = given.filter((listener) => listener !== undefined);
  const distributions = Object.fromEntries(
    figures.map((figure) => [figure, createDistribution()]),
  ) as Record<Figure, Distribution>;
  const missed = Object.fromEntries(LATE_CAUSES.map((cause) => [cause, 0])) as Record<
    LateCause,
    number
  >;
  const watch = watchLateness((cause, ticks) => {
    missed[cause] += ticks;
    for (const listener of listeners) listener.missed?.(cause, ticks);
  });
  const observe = (figure: Figure, value: number) => {
    distributions[figure].add(value);
    for (const listener of listeners) listener.observed?.(figure, value);
  };
  return {
    tick(late, ticks) {
      watch.tick(late, ticks);
      observe('lateness', late);
    },
    chunk({ policyVersion, timing }) {
      for (const figure of ['preprocess', 'run', 'total'] as const) observe(figure, timing[figure]);
      for (const listener of listeners) listener.chunk?.(policyVersion);
    },
    firstCommand({ firstCommand }, stamp) {
      if (firstCommand !== null) observe('reaction', Number(firstCommand - stamp) / 1e6);
    },
    guarded(events) {
      for (const event of events) for (const listener of listeners) listener.guarded?.(event);
    },
    attempt(outcome) {
      for (const listener of listeners) listener.attempt?.(outcome);
    },
    settled: () => watch.settled(),
    reading: () => ({
      figures: Object.fromEntries(
        figures.flatMap((figure) => {
          const percentiles = distributions[figure].percentiles();
          return percentiles ? [[figure, percentiles]] : [];
        }),
      ),
      missed: { ...missed },
    }),
    close: () => watch.close(),
  };
}

const COLUMNS = { p50: 'p50', p90: 'p90', p99: 'p99', p999: 'p99.9', max: 'max' } as const;
const columns = Object.keys(COLUMNS) as (keyof typeof COLUMNS)[];

/** Describes missed ticks: `3 ticks missed (2 gc, 1 machine)`. */
export function describeMissed(missed: MeterReading['missed']): string {
  const causes = LATE_CAUSES.filter((cause) => missed[cause] > 0);
  const total = causes.reduce((sum, cause) => sum + missed[cause], 0);
  const named = causes.map((cause) => `${missed[cause]} ${cause.replace('_', ' ')}`).join(', ');
  return `${total} ticks missed${named && ` (${named})`}`;
}

/** A reading as the lines of a table, milliseconds; empty if nothing was measured. */
export function readingTable({ figures: read, missed }: MeterReading): string[] {
  const rows = figures.flatMap((figure) => {
    const values = read[figure];
    if (!values) return [];
    const cells = columns.map((column) => values[column].toFixed(2).padStart(9));
    return [FIGURES[figure].padEnd(50) + cells.join('')];
  });
  if (rows.length === 0) return [];
  const head =
    'milliseconds'.padEnd(50) + columns.map((name) => COLUMNS[name].padStart(9)).join('');
  return [head, ...rows, ...(read.lateness ? [describeMissed(missed)] : [])];
}
