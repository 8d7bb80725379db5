import { openPool } from '../src/processes/pool.ts';
import { appendJsonLines, readJsonLines } from '../src/files/jsonLines.ts';
import { packagePath } from '../src/files/packagePath.ts';
import type { JoinFunctions, JoinSettings, JoinedAttempt } from './joinWorker.ts';
import type { MotionFigures, Sizes } from './motionFigures.ts';
import type { JoinKind } from '../src/policy/joinKinds.ts';

/** A way to join chunks at one delay, over many attempts. */
export interface JoinCell {
  join: JoinKind;
  /** Milliseconds. */
  delay: number;
  execute: number;
  attempts: number;
  successes: number;
  /** Mean control steps of the attempts that succeeded; null if none did. */
  steps: number | null;
  /** Mean over the attempts of each one's figures. */
  motion: MotionFigures;
}

export const JOIN_RESULTS = packagePath('docs/joins.jsonl');

export const readCells = (): Promise<JoinCell[]> => readJsonLines(JOIN_RESULTS);

export const writeCell = (cell: JoinCell) => appendJsonLines(JOIN_RESULTS, [cell]);

/** Makes the seeds' attempts in some processes, each of which gets the next seed when it is done with one. */
export async function runAttempts(
  settings: JoinSettings,
  seeds: readonly number[],
  processes: number,
  onAttempt: () => void,
): Promise<JoinedAttempt[]> {
  const module = new URL('./joinWorker.js', import.meta.url);
  const pool = openPool<JoinFunctions>(module, Math.min(processes, seeds.length), {
    name: 'an attempting process',
    data: settings,
  });
  const made: JoinedAttempt[] = [];
  try {
    await pool.each({
      jobs: seeds,
      call: (worker, seed) => worker.ask('attempt', seed),
      onResult(attempt) {
        made.push(attempt);
        onAttempt();
      },
      nameOf: (seed) => `seed ${seed}`,
    });
  } finally {
    await pool.kill();
  }
  return made.sort((a, b) => a.seed - b.seed);
}

const mean = (values: readonly number[]) =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** The mean of all attempts' figures, each at its place. */
function meanMotion(all: readonly MotionFigures[]): MotionFigures {
  const sizes = (of: (one: MotionFigures) => Sizes): Sizes => ({
    largest: mean(all.map((one) => of(one).largest)),
    mean: mean(all.map((one) => of(one).mean)),
  });
  const kind = (name: keyof MotionFigures) => ({
    joins: sizes((one) => one[name].joins),
    within: sizes((one) => one[name].within),
  });
  return { acceleration: kind('acceleration'), jerk: kind('jerk') };
}

export function summarise(
  attempts: readonly JoinedAttempt[],
): Omit<JoinCell, 'join' | 'delay' | 'execute'> {
  const steps = attempts.filter(({ success }) => success).map((one) => one.steps);
  return {
    attempts: attempts.length,
    successes: steps.length,
    steps: steps.length > 0 ? mean(steps) : null,
    motion: meanMotion(attempts.map(({ motion }) => motion)),
  };
}
