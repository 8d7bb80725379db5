import { join } from 'node:path';
import { appendJsonLines, readJsonLines } from '../files/jsonLines.ts';
import { type Curve, type CurvePoint, adaptationCurve, readCurve } from '../learning/curve.ts';
import { writeWhole } from '../files/writeWhole.ts';
import type { RolloutPool } from '../rollouts/pool.ts';

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
/** Success by episodes, as a picture in a run's folder. */
export const CURVE = 'curve.svg';

/** A run's evaluations in their order; none where it has none. `say` hears of a line that was cut off. */
export const readResults = (folder: string, say?: (line: string) => void): Promise<Evaluation[]> =>
  readJsonLines(join(folder, RESULTS), say);

/** A run's evaluations, for its page. */
export const evaluationsIn = (folder: string) => ({
  file: join(folder, RESULTS),
  read: () => readResults(folder),
});

/** Successes of attempts on held-out seeds, with the policy that the pool plays. */
export async function evaluate(
  pool: RolloutPool,
  attempts: number,
  onDone: (done: number) => void,
): Promise<Pick<Evaluation, 'random' | 'zero'>> {
  const counts = { random: 0, zero: 0 };
  let done = 0;
  for (const kind of ['random', 'zero'] as const) {
    const wanted = Array.from({ length: attempts }, (_, i) => ({
      seed: HELD_OUT + i,
      zeroNoise: kind === 'zero',
    }));
    await pool.run(wanted, ({ success }) => {
      counts[kind] += Number(success);
      onDone(++done);
    });
  }
  return counts;
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

/** The evaluations of a run, and its curve. */
export interface Evaluations {
  all(): readonly Evaluation[];
  add(evaluation: Evaluation): Promise<void>;
  /** Draws them beside the attempts that the learner learned from. */
  draw(): Promise<void>;
}

/** Opens the evaluations of a run's folder, where `title` stands above the curve. */
export async function openEvaluations(
  folder: string,
  learner: string,
  title: string,
  say: (line: string) => void,
): Promise<Evaluations> {
  const all = await readResults(folder, say);
  return {
    all: () => all,
    async add(evaluation) {
      await appendJsonLines(join(folder, RESULTS), [evaluation]);
      all.push(evaluation);
    },
    async draw() {
      const seen = await readCurve(learner);
      const curve = adaptationCurve([...seen, ...curvesOf(all)], title);
      await writeWhole(join(folder, CURVE), curve);
    },
  };
}
