import { appendFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { listEpisodes } from '../episodes/listEpisodes.ts';
import { UserError } from '../errors.ts';
import { readJsonLines } from '../jsonLines.ts';
import {
  type Curve,
  type CurvePoint,
  adaptationCurve,
  readCurve,
} from '../learning/adaptationCurve.ts';
import { loadTrainable } from '../learning/fpoConfig.ts';
import { LOG, type LearnerEvent } from '../learning/learner.ts';
import { folderAddress } from '../link/address.ts';
import { openCourier } from '../link/courier.ts';
import { writeAdapter } from '../policy/adapter.ts';
import { loadBundle } from '../policy/bundle.ts';
import { explorationAfter, explorationSchema } from '../policy/exploration.ts';
import { SIM_CALIBRATION } from '../sim/embodiment.ts';
import { gapSchema } from '../sim/gap.ts';
import type { SimTaskName } from '../sim/tasks.ts';
import { readYaml, validate } from '../validate.ts';
import { createAdaptReport } from './adaptReport.ts';
import { interruption } from './interruption.ts';
import { startLearner } from './learnerProcess.ts';
import { type RolloutPool, openRolloutPool } from './rolloutPool.ts';

export interface AdaptOptions {
  policy: string;
  task: SimTaskName;
  config?: string;
  exploration?: string;
  gap?: string;
  execute?: number;
  episodes: number;
  batch: number;
  evaluateEvery: number;
  attempts: number;
  processes: number;
  seed: number;
}

/** Successes of attempts on seeds that no learning sees, after so many episodes. */
export interface Evaluation {
  episodes: number;
  attempts: number;
  random: number;
  zero: number;
}

/** First seed of the attempts that are learned from, by the run's own; evaluations are below it. */
const firstSeed = (seed: number) => 10_000_000 + seed * 1_000_000;
/** First seed of an evaluation's attempts. */
const HELD_OUT = 5_000_000;

/** A run's evaluations in their order; none where there is no file. */
export const readResults = (path: string): Promise<Evaluation[]> => readJsonLines(path);

const finishedIn = async (folder: string) =>
  (await listEpisodes(folder)).filter(({ state }) => state !== 'partial').map(({ id }) => id);

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

/**
 * The whole of it on the simulated ALOHA: attempts in one set of processes, the learner in another,
 * the link between them. Goes on from its folder; see `nalu adapt --help`.
 */
export async function adaptCommand(
  given: string,
  options: AdaptOptions,
): Promise<'done' | 'interrupted'> {
  const folder = resolve(given);
  const { policy, task, batch, episodes, attempts, seed, config, execute } = options;
  const signal = interruption();
  const bundle = await loadBundle(policy);
  const exploration = options.exploration
    ? validate(explorationSchema, await readYaml(options.exploration), options.exploration)
    : explorationSchema.parse({});
  const gap = options.gap && validate(gapSchema, await readYaml(options.gap), options.gap);
  const learnable = await loadTrainable(config);

  const runtime = join(folder, 'runtime');
  const recorded = join(runtime, 'episodes');
  const learnerFolder = join(folder, 'learner');
  for (const path of [recorded, learnerFolder]) await mkdir(path, { recursive: true });
  const results = join(folder, 'results.jsonl');
  let evaluations = await readResults(results);
  const report = createAdaptReport(episodes, batch);

  const hear = (event: LearnerEvent) => report.event(event);
  const learner = startLearner(
    [
      learnerFolder,
      ...['--policy', resolve(policy), '--calibration', SIM_CALIBRATION],
      ...['--batch', String(batch), '--seed', String(seed)],
      ...(config ? ['--config', resolve(config)] : []),
    ],
    hear,
  );
  const pool = openRolloutPool(
    {
      policy: resolve(policy),
      task,
      trainable: learnable,
      executeSteps: execute,
      ...(gap && { gap }),
    },
    options.processes,
  );
  const newest = join(runtime, 'newest.safetensors');
  let played = bundle.version;
  const courier = await openCourier({
    episodes: recorded,
    adapters: join(runtime, 'adapters'),
    address: folderAddress(learnerFolder),
    policy: { ...bundle, trainable: learnable },
    async onAdapter(adapter) {
      await writeAdapter(newest, adapter);
      await pool.adopt(newest);
      played = adapter.version;
    },
    log: report.note,
  });

  const draw = async () => {
    const seen = await readCurve(join(learnerFolder, LOG));
    await writeFile(
      join(folder, 'curve.svg'),
      adaptationCurve([...seen, ...curvesOf(evaluations)], `${bundle.name}, ${task}`),
    );
  };
  const evaluateAfter = async (learned: number) => {
    if (attempts === 0 || evaluations.some((known) => known.episodes === learned)) return;
    const counts = await evaluate(pool, attempts, (done) =>
      report.live(`evaluating: ${done} of ${2 * attempts} held-out attempts`),
    );
    const result: Evaluation = { episodes: learned, attempts, ...counts };
    await appendFile(results, `${JSON.stringify(result)}\n`);
    evaluations = [...evaluations, result];
    report.evaluation(result);
    await draw();
  };

  /** The attempts that are still to be made of the batch that begins at `from`. */
  const attemptsFrom = async (from: number) => {
    const made = new Set([
      ...(await finishedIn(recorded)),
      ...(await finishedIn(join(learnerFolder, 'episodes'))),
    ]);
    return Array.from({ length: batch }, (_, i) => from + i)
      .map((attempt) => ({
        seed: firstSeed(seed) + attempt,
        exploration: explorationAfter(exploration, attempt),
        record: { folder: recorded, id: `${task}-${firstSeed(seed) + attempt}` },
      }))
      .filter(({ record }) => !made.has(record.id));
  };

  /** Resolves when the attempts' processes play what the learner says. */
  const untilPlayed = async () => {
    while (played !== learner.version() && !signal.aborted) await setTimeout(20);
  };

  const play = async () => {
    let { consumed } = await learner.consumed(0, signal);
    await untilPlayed();
    await evaluateAfter(consumed);
    while (consumed < episodes && !signal.aborted) {
      const wanted = await attemptsFrom(consumed);
      let [done, successes] = [0, 0];
      await pool.run(wanted, ({ success }) => {
        courier.notify();
        successes += Number(success);
        report.attempts(consumed + ++done + batch - wanted.length, successes, done);
      });
      report.live('learning');
      ({ consumed } = await learner.consumed(consumed + batch, signal));
      await untilPlayed();
      const updates = Math.round(consumed / batch);
      if (updates % options.evaluateEvery === 0 || consumed >= episodes)
        await evaluateAfter(consumed);
      await draw();
      for (const { path, id } of await listEpisodes(recorded))
        if (courier.status().pending === 0 && id.startsWith(`${task}-`)) await rm(path);
    }
  };
  try {
    await Promise.race([
      play(),
      new Promise((_, reject) =>
        signal.addEventListener('abort', () => reject(new UserError('stopped by hand'))),
      ),
    ]);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await courier.close();
    await learner.stop();
    await pool.close();
  }
  if (signal.aborted) {
    report.note('stopped by hand; the same command goes on from here');
    return 'interrupted';
  }
  report.end(evaluations, join(given, 'curve.svg'));
  return 'done';
}
