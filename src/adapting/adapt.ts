import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { listEpisodes } from '../episodes/listEpisodes.ts';
import { recordBeginning } from '../learning/begun.ts';
import { CURVE } from '../learning/curve.ts';
import { makeFolder } from '../files/makeFolder.ts';
import { explorationAfter } from '../policy/exploration.ts';
import { type AdaptConsole, openAdaptConsole } from './adaptConsole.ts';
import { type Evaluations, drawRun, evaluate, openEvaluations } from './evaluation.ts';
import { type AdaptParts, startAdaptParts } from './parts.ts';
import { type AdaptOptions, type AdaptPlan, attemptId, firstSeed, planAdaptation } from './plan.ts';
import { createAdaptReport } from './report.ts';
import type { Attempt } from '../rollouts/rolloutWorker.ts';
import type { Output } from '../terminal/output.ts';
import { rejectOnAbort } from '../processes/rejectOnAbort.ts';

const finishedIn = async (folder: string) =>
  (await listEpisodes(folder)).filter(({ state }) => state !== 'partial').map(({ id }) => id);

/** The attempts that are still to be made of the batch that begins at `from`. */
async function attemptsFrom(
  from: number,
  { folders: { recorded, learner }, exploration, task }: AdaptPlan,
  { batch, seed }: AdaptOptions,
): Promise<Attempt[]> {
  const made = new Set([
    ...(await finishedIn(recorded)),
    ...(await finishedIn(join(learner, 'episodes'))),
  ]);
  return Array.from({ length: batch }, (_, i) => from + i)
    .map((attempt) => ({
      seed: firstSeed(seed) + attempt,
      exploration: explorationAfter(exploration, attempt),
      record: { folder: recorded, id: attemptId(task, firstSeed(seed) + attempt) },
    }))
    .filter(({ record }) => !made.has(record.id));
}

/** What attempts and updates, in turn, are made of. */
interface Run {
  folder: string;
  plan: AdaptPlan;
  options: AdaptOptions;
  parts: AdaptParts;
  evaluations: Evaluations;
  report: ReturnType<typeof createAdaptReport>;
  signal: AbortSignal;
}

/** Attempts and updates in turn, until so many attempts were learned from as are wanted. */
async function learnFromAttempts(run: Run): Promise<void> {
  const { folder, plan, options, parts, evaluations, report, signal } = run;
  const { batch, episodes, attempts } = options;
  const { learner, pool } = parts;

  const evaluateAfter = async (learned: number) => {
    if (attempts === 0 || evaluations.all().some((known) => known.episodes === learned)) return;
    const isNoiseIgnored = parts.isNoiseIgnored();
    const counts = await evaluate(pool, { attempts, isNoiseIgnored }, (done, of) =>
      report.live(`evaluating: ${done} of ${of} held-out attempts`),
    );
    const evaluation = { episodes: learned, attempts, ...counts };
    await evaluations.add(evaluation);
    report.evaluation(evaluation, isNoiseIgnored);
  };

  const courier = await parts.open(signal);
  await recordBeginning(folder, plan.beginning);
  let { consumed } = await learner.consumed(0, signal);
  await parts.untilPlayed(signal);
  await evaluateAfter(consumed);
  await drawRun(folder);
  while (consumed < episodes) {
    signal.throwIfAborted();
    const wanted = await attemptsFrom(consumed, plan, options);
    let [done, successes] = [0, 0];
    await pool.run(wanted, ({ success }) => {
      courier.notify();
      successes += Number(success);
      report.attempts(consumed + ++done + batch - wanted.length, successes, done);
    });
    report.live('learning');
    ({ consumed } = await learner.consumed(consumed + batch, signal));
    await parts.untilPlayed(signal);
    const updates = Math.round(consumed / batch);
    if (updates % options.evaluateEvery === 0 || consumed >= episodes)
      await evaluateAfter(consumed);
    await drawRun(folder);
    for (const { path, id } of await listEpisodes(plan.folders.recorded))
      if (courier.status().pending === 0 && id.startsWith(`${plan.task}-`)) await rm(path);
  }
}

export interface AdaptSurroundings {
  out: Output;
  err: Output;
  /** Stops the run in order. */
  signal: AbortSignal;
  /** Where its page is to be, if there is to be one. */
  console?: AdaptConsole;
}

/**
 * Improves a policy on the simulated ALOHA: attempts in one set of processes, the learner in another, the
 * link between them. Goes on from its folder; see `nalu adapt --help`.
 */
export async function adapt(
  path: string,
  options: AdaptOptions,
  { out, err, signal: interrupted, console }: AdaptSurroundings,
): Promise<'done' | 'interrupted'> {
  const folder = resolve(path);
  const { method, batch, episodes, seed, config, execute, delay } = options;
  const { scene, sceneMap } = options;
  const report = createAdaptReport(episodes, batch, out);
  const over = new AbortController();
  const signal = AbortSignal.any([interrupted, over.signal]);
  let starting: Promise<AdaptParts> | undefined;
  let page: ReturnType<typeof openAdaptConsole> | undefined;

  const run = async () => {
    const plan = await planAdaptation(folder, options);
    const { folders, bundle, task, trainable, gap } = plan;
    for (const path of [folders.recorded, folders.learner]) await makeFolder(path);
    const evaluations = await openEvaluations(folder, report.note);
    signal.throwIfAborted();
    starting = startAdaptParts({
      ...{ folders, bundle, method, config, trainable, batch, seed, makers: options },
      attempts: {
        ...{ task, scene, sceneMap },
        executeSteps: execute,
        join: options.join,
        delay,
        integration: bundle.integration,
        ...(gap && { gap }),
      },
      onEvent: report.event,
      log: report.note,
      onLearnerText: (text) => err.write(text),
    });
    const parts = await starting;
    signal.throwIfAborted();
    page = console && openAdaptConsole(console, { folder, folders, batch }, parts, report.note);
    await page;
    const all = { folder, plan, options, parts, evaluations, report, signal };
    await Promise.race([learnFromAttempts(all), parts.failed]);
    report.end(evaluations.all(), join(path, CURVE));
  };
  try {
    await Promise.race([run(), rejectOnAbort(interrupted)]);
  } catch (error) {
    if (!interrupted.aborted) throw error;
  } finally {
    over.abort();
    await page?.then((opened) => opened?.close()).catch(() => undefined);
    await starting?.then(
      (parts) => parts.close(),
      () => undefined,
    );
  }
  if (!interrupted.aborted) return 'done';
  report.note('stopped by hand; the same command goes on from here');
  return 'interrupted';
}
