import { openPool } from '../src/processes/pool.ts';
import type { AttemptFunctions, AttemptSettings, MeasuredAttempt } from './attemptWorker.ts';
import type { MotionFigures, Sizes } from './motionFigures.ts';

/** Figures of many attempts. */
export interface AttemptFigures {
  attempts: number;
  successes: number;
  /** Mean control steps of the attempts that succeeded; null if none did. */
  steps: number | null;
  /** Mean over the attempts of each one's figures. */
  motion: MotionFigures;
}

/** Makes the seeds' attempts in some processes, each of which gets the next seed when it is done with one. */
export async function runAttempts(
  settings: AttemptSettings,
  seeds: readonly number[],
  processes: number,
  onAttempt: () => void,
): Promise<MeasuredAttempt[]> {
  const module = new URL('./attemptWorker.js', import.meta.url);
  const pool = openPool<AttemptFunctions>(module, Math.min(processes, seeds.length), {
    name: 'an attempting process',
    data: settings,
  });
  const made: MeasuredAttempt[] = [];
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

const mean = (values: readonly number[], weights: readonly number[]) => {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return values.reduce((total, value, i) => total + (value * weights[i]) / sum, 0);
};

/** The weighted mean of figures, each at its place. */
function meanMotion(all: readonly MotionFigures[], weights: readonly number[]): MotionFigures {
  const sizes = (of: (one: MotionFigures) => Sizes): Sizes => ({
    largest: mean(all.map((one) => of(one).largest), weights),
    mean: mean(all.map((one) => of(one).mean), weights),
  }); // prettier-ignore
  const kind = (name: keyof MotionFigures) => ({
    joins: sizes((one) => one[name].joins),
    within: sizes((one) => one[name].within),
  });
  return { acceleration: kind('acceleration'), jerk: kind('jerk') };
}

export function summarise(attempts: readonly MeasuredAttempt[]): AttemptFigures {
  const ones = attempts.map(() => 1);
  const steps = attempts.filter(({ success }) => success).map((one) => one.steps);
  return {
    attempts: attempts.length,
    successes: steps.length,
    steps: steps.length > 0 ? mean(steps, ones.slice(0, steps.length)) : null,
    motion: meanMotion(attempts.map(({ motion }) => motion), ones),
  }; // prettier-ignore
}

/** The figures of attempts that were measured in parts. */
export function merged(parts: readonly AttemptFigures[]): AttemptFigures {
  const sum = (of: (one: AttemptFigures) => number) =>
    parts.reduce((total, one) => total + of(one), 0);
  const succeeded = parts.filter(({ steps }) => steps !== null);
  return {
    attempts: sum(({ attempts }) => attempts),
    successes: sum(({ successes }) => successes),
    steps:
      succeeded.length > 0
        ? mean(succeeded.map(({ steps }) => steps!), succeeded.map(({ successes }) => successes)) // prettier-ignore
        : null,
    motion: meanMotion(parts.map(({ motion }) => motion), parts.map(({ attempts }) => attempts)),
  }; // prettier-ignore
}
