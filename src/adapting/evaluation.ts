import { join } from 'node:path';
import { appendJsonLines, readJsonLines } from '../files/jsonLines.ts';
import { readBeginning } from '../learning/begun.ts';
import {
  CURVE,
  type Curve,
  type CurvePoint,
  adaptationCurve,
  readCurve,
} from '../learning/curve.ts';
import { writeWhole } from '../files/writeWhole.ts';
import type { RolloutPool } from '../rollouts/pool.ts';
import { foldersIn } from './plan.ts';

/** Successes of attempts on seeds that no learning sees, after so many episodes. */
export interface Evaluation {
  episodes: number;
  attempts: number;
  random: number;
  zero: number;
}

/** First seed of an evaluation's attempts. */
const HELD_OUT = 5_000_000;

const RESULTS = 'results.jsonl';

/** A run's evaluations in their order; none where it has none. `say` hears of a line that was cut off. */
export const readResults = (folder: string, say?: (line: string) => void): Promise<Evaluation[]> =>
  readJsonLines(join(folder, RESULTS), say);

/** A run's evaluations, for its page. */
export const evaluationsIn = (folder: string) => ({
  file: join(folder, RESULTS),
  read: () => readResults(folder),
});

/**
 * Successes of attempts on held-out seeds, with the policy that the pool plays. Of one that ignores noise, the attempts
 * from zero noise are those from random noise, and are made once.
 */
export async function evaluate(
  pool: RolloutPool,
  { attempts, isNoiseIgnored }: { attempts: number; isNoiseIgnored: boolean },
  onDone: (done: number, of: number) => void,
): Promise<Pick<Evaluation, 'random' | 'zero'>> {
  const kinds = isNoiseIgnored ? (['zero'] as const) : (['random', 'zero'] as const);
  const counts = { random: 0, zero: 0 };
  let done = 0;
  for (const kind of kinds) {
    const wanted = Array.from({ length: attempts }, (_, i) => ({
      seed: HELD_OUT + i,
      zeroNoise: kind === 'zero',
    }));
    await pool.run(wanted, ({ success }) => {
      counts[kind] += Number(success);
      onDone(++done, kinds.length * attempts);
    });
  }
  return isNoiseIgnored ? { random: counts.zero, zero: counts.zero } : counts;
}

const curvesOf = (results: readonly Evaluation[]): Curve[] =>
  (
    [
      ['random', 'held out, random noise', '#d1605e'],
      ['zero', 'held out, zero noise', '#6a9f58'],
    ] as const
  ).map(([kind, name, colour]) => ({
    name,
    colour,
    points: results.map((result): CurvePoint => ({
      episodes: result.episodes,
      attempts: result.attempts,
      successes: result[kind],
    })),
  }));

/** Policy and task of a run, as its folder tells them; undefined where it does not. */
async function titleOf(folder: string): Promise<string | undefined> {
  const { name, task } = await readBeginning(folder);
  return typeof name === 'string' && typeof task === 'string' ? `${name}, ${task}` : undefined;
}

/** Draws a run's evaluations beside the attempts that its learner learned from. */
export async function drawRun(folder: string): Promise<void> {
  const seen = await readCurve(foldersIn(folder).learner);
  const curves = [...seen, ...curvesOf(await readResults(folder))];
  await writeWhole(join(folder, CURVE), adaptationCurve(curves, await titleOf(folder)));
}

/** The evaluations of a run. */
export interface Evaluations {
  all(): readonly Evaluation[];
  add(evaluation: Evaluation): Promise<void>;
}

/** Opens the evaluations of a run's folder. */
export async function openEvaluations(
  folder: string,
  say: (line: string) => void,
): Promise<Evaluations> {
  const all = await readResults(folder, say);
  return {
    all: () => all,
    async add(evaluation) {
      await appendJsonLines(join(folder, RESULTS), [evaluation]);
      all.push(evaluation);
    },
  };
}
