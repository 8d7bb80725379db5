import type { AttemptResult } from '../control/attempt.ts';
import type { Output } from '../terminal/output.ts';
import { plural } from '../terminal/plural.ts';
import { clearBelow, clearLine, duration, percent } from '../terminal/speaker.ts';
import { type MeterReading, readingTable } from '../measure/meters.ts';
import type { LoopCounts } from '../control/loopOptions.ts';

/** Counts over the attempts so far. */
export interface Tally {
  episodes: number;
  successes: number;
  chunks: number;
  mendedChunks: number;
  refusedChunks: number;
  /** Sum over chunks of their milliseconds. */
  chunkMs: number;
  runMs: number;
  steps: number;
  missedSteps: number;
  starvedSteps: number;
}

export const emptyTally = (): Tally => ({
  episodes: 0,
  successes: 0,
  chunks: 0,
  mendedChunks: 0,
  refusedChunks: 0,
  chunkMs: 0,
  runMs: 0,
  steps: 0,
  missedSteps: 0,
  starvedSteps: 0,
});

export function addResult(tally: Tally, result: AttemptResult): void {
  tally.episodes += 1;
  tally.successes += Number(result.success);
  tally.chunks += result.chunks;
  tally.mendedChunks += result.mendedChunks;
  tally.refusedChunks += result.refusedChunks;
  tally.chunkMs += (result.chunkMs?.mean ?? 0) * result.chunks;
  tally.runMs += (result.chunkMs?.run ?? 0) * result.chunks;
  tally.steps += result.steps;
  tally.missedSteps += result.missedSteps;
  tally.starvedSteps += result.starvedSteps;
}

/** Steps at which the arms stood because no chunk had a row for them, in words; nothing if there were none. */
export const describeStarvation = (steps: number): string[] =>
  steps > 0 ? [`${steps} steps at rest for want of rows`] : [];

/** Chunks that were not written as they should, in words; nothing if there were none. */
export const describeMisfits = ({
  mendedChunks,
  refusedChunks,
}: Pick<Tally, 'mendedChunks' | 'refusedChunks'>): string[] => [
  ...(mendedChunks > 0 ? [`${plural(mendedChunks, 'chunk')} padded or cut`] : []),
  ...(refusedChunks > 0 ? [`${plural(refusedChunks, 'answer')} refused as no chunk`] : []),
];

/** Report of a run of attempts for people, on a terminal with a live line. */
export function createReport(episodes: number, out: Output) {
  const began = performance.now();
  const width = String(episodes).length;

  return {
    /** The attempt that runs now, as far as it is. */
    live(tally: Tally, counts: LoopCounts | undefined): void {
      if (!out.isTTY) return;
      const elapsed = (performance.now() - began) / 1000;
      clearLine(out);
      out.write(
        [
          `episode ${String(tally.episodes + 1).padStart(width)}/${episodes}`,
          `reward ${counts?.stagedReward ?? 0}`,
          `${counts?.chunks ?? 0} chunks`,
          `${(counts?.chunkTally.latest ?? 0).toFixed(1)} ms a chunk`,
          `success so far ${percent(tally.successes, tally.episodes)}`,
          ...(tally.episodes > 0
            ? [`about ${duration((elapsed / tally.episodes) * (episodes - tally.episodes))} left`]
            : []),
        ]
          .join('  ')
          .slice(0, (out.columns ?? Infinity) - 1),
      );
    },
    attempt(tally: Tally, result: AttemptResult): void {
      const { seed, reward, outcome, steps, starvedSteps, chunks, chunkMs, episode } = result;
      clearBelow(out);
      out.write(
        [
          `episode ${String(tally.episodes).padStart(width)}/${episodes}`,
          `seed ${seed}`,
          outcome.padEnd('discarded'.length),
          `reward ${reward}`,
          `${steps} steps`,
          ...describeStarvation(starvedSteps),
          `${chunks} chunks`,
          ...describeMisfits(result),
          `${(chunkMs?.mean ?? 0).toFixed(1)} ms a chunk`,
          `success so far ${percent(tally.successes, tally.episodes)}`,
          ...(episode ? [episode] : []),
        ].join('  ') + '\n',
      );
    },
    summary(tally: Tally, controlRate: number, reading: MeterReading): void {
      const elapsed = (performance.now() - began) / 1000;
      const simulated = tally.steps / controlRate;
      clearBelow(out);
      out.write(
        `\n${tally.successes} of ${tally.episodes} succeeded (${percent(tally.successes, tally.episodes)}). ` +
          `${duration(simulated)} of robot time in ${duration(elapsed)} (${(simulated / elapsed).toFixed(1)} times real time), ` +
          `${tally.chunks} chunks of ${(tally.chunkMs / Math.max(1, tally.chunks)).toFixed(1)} ms.\n`,
      );
      const lines = [
        ...readingTable(reading),
        ...describeStarvation(tally.starvedSteps),
        ...describeMisfits(tally),
      ];
      for (const line of lines) out.write(`${line}\n`);
    },
  };
}
