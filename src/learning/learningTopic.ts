import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { LearnedVersion, Learning, LearningPoint } from '../console/protocol.ts';
import { successInterval } from '../tensors/successRates.ts';
import type { Outcome } from '../episodes/outcome.ts';
import { episodeFile, wholePath } from '../episodes/files.ts';
import { labelledOutcomes } from '../episodes/labels.ts';
import { readBeginning } from './begun.ts';
import { applyLabels } from './corrections.ts';
import { type LoggedEvent, readEvents } from './events.ts';
import { describeEvent } from './learnReport.ts';
import { type Run, readRun, stateFile, versionFile } from './learnerFolder.ts';
import { type Orders, readOrders } from './orders.ts';
import { standings } from './ticket/race.ts';
import { isTicketState, readState, triedAsLabelled } from './ticket/state.ts';
import { type CountedUpdate, countUpdates } from './updates.ts';

/** What a learner's folder does not tell. */
type Untold = 'at' | 'state' | 'batch' | 'timeLeft' | 'evaluations' | 'answers';

/** What a learner's folder tells of it. */
export interface ToldLearning extends Omit<Learning, Untold> {
  /** Episodes that were learned from, or left out. */
  consumed: number;
  /** Attempts of the last update; absent before the first. */
  lastBatch?: number;
}

/** Lines of the log that are shown. */
const LOG_LINES = 200;

const timeOf = ({ time }: LoggedEvent) => Date.parse(time);

/** An update as a point of curves. */
function pointOf(counted: CountedUpdate): LearningPoint {
  const { at, report, before, attempts, successes, corrected } = counted;
  const { update, critics, policy, reuse, skipped } = report;
  return {
    ...{ at, update, episodes: before + report.attempts, attempts, successes },
    interval: successInterval(counted),
    ...(corrected > 0 && { corrected }),
    ...(critics && {
      explainedVariance: critics.explainedVariance,
      valueLoss: critics.valueLoss,
    }),
    ...(reuse?.ranking && {
      rankedOutcomes: reuse.ranking.outcome,
      rankedChunks: reuse.ranking.advantage,
    }),
    ...(policy && {
      approxKl: policy.approxKl,
      clipFraction: policy.clipFraction,
      ratioLeast: policy.ratios.least,
      ratioMost: policy.ratios.most,
      expectedGain: policy.expectedGain,
    }),
    ...(skipped !== undefined && { skipped }),
  };
}

/** Values along attempts of the newest update that tells them. */
function newestValues(events: readonly LoggedEvent[]): Learning['values'] {
  for (const event of events.toReversed()) {
    if (!('report' in event)) continue;
    const { update, critics } = event.report;
    if (critics?.attempts) return { update, attempts: critics.attempts };
  }
  return undefined;
}

/** Where the search for a ticket stands, by the attempts as they are labelled now; undefined for another method. */
async function raceIn(folder: string, { counted }: Run): Promise<Learning['race']> {
  const file = stateFile(folder);
  if (!(await isTicketState(file))) return undefined;
  const state = await readState(file);
  if (state.updates === 0) return undefined;
  const { ticket: chosen, tickets: running = [] } = state.current;
  const tickets = standings(triedAsLabelled(state, counted)).map((one) => ({
    ...one,
    isRunning: running.includes(one.ticket),
    isChosen: one.ticket === chosen,
  }));
  return { update: state.updates, tickets };
}

/** Versions that were made and not published, from the log: the learner keeps no record of them. */
function keptBack(events: readonly LoggedEvent[], first: string | null): LearnedVersion[] {
  const versions = new Map<string, LearnedVersion>();
  let parent = first;
  for (const event of events) {
    if (event.event === 'published') parent = event.version;
    else if (event.event === 'rolled back') parent = event.to;
    else if (event.event === 'kept back') {
      const { version, reason } = event;
      const record = { version, at: timeOf(event), parent, reason, attempts: 0, successes: 0 };
      versions.set(version, { ...record, state: 'kept back' });
    }
  }
  return [...versions.values()];
}

/** Why a version was rolled back, from the log. */
const reasonOf = (events: readonly LoggedEvent[], version: string): string | undefined => {
  const event = events.findLast((one) => one.event === 'rolled back' && one.version === version);
  return event && describeEvent(event);
};

/** When a version was made: by the log, or as its file was written. */
async function madeAt(folder: string, version: string, events: readonly LoggedEvent[]) {
  const event = events.findLast((one) => one.event === 'published' && one.version === version);
  if (event) return timeOf(event);
  const file = await stat(versionFile(folder, version)).catch(() => undefined);
  return file?.mtimeMs ?? 0;
}

/** The versions that the robot got, oldest first. */
const published = (folder: string, { versions }: Run, events: readonly LoggedEvent[]) =>
  Promise.all(
    versions.map(async ({ rolledBack, ...record }): Promise<LearnedVersion> => {
      const { version } = record;
      const reason = rolledBack ? reasonOf(events, version) : undefined;
      return {
        ...record,
        at: await madeAt(folder, version, events),
        state: rolledBack ? 'rolled back' : 'published',
        ...(reason !== undefined && { reason }),
      };
    }),
  );

/** Counts the labels of a learner's episodes that it has not dealt with, as it will when it runs. Changes `run` alone. */
function countLabels(folder: string, run: Run, labels: ReadonlyMap<string, Outcome>): void {
  const held = [...labels].map(([id, label]) => ({ id, path: wholePath(folder, id), label }));
  const consumed = new Set(run.consumed);
  applyLabels(held, run.versions, run, (id) => consumed.has(id));
}

/** Finished episodes in a learner's folder that it has neither learned from nor left out. */
async function waitingIn(folder: string, consumed: readonly string[]): Promise<number> {
  const done = new Set(consumed);
  const names = await readdir(join(folder, 'episodes')).catch(() => []);
  return names.filter((name) => {
    const episode = episodeFile(name);
    return episode?.finished && !done.has(episode.id);
  }).length;
}

/** The version that the robot is to play. */
const playedOf = (run: Run | undefined, { pinned, rollBack }: Orders) =>
  (pinned ?? rollBack)?.version ?? run?.current;

/** Reads what a learner's folder tells, while it learns or later, and changes nothing. Throws a `UserError`. */
export async function readLearning(folder: string): Promise<ToldLearning> {
  const events = await readEvents(folder);
  const run = await readRun(folder);
  const episodes = join(folder, 'episodes');
  const labels = await labelledOutcomes(episodes);
  if (run) countLabels(episodes, run, labels);
  const orders = await readOrders(folder);
  const { method } = await readBeginning(folder);
  const updates = countUpdates(events, labels);
  const values = newestValues(events);
  const race = run && (await raceIn(folder, run));
  const plays = playedOf(run, orders);
  const versions = run ? await published(folder, run, events) : [];
  const unpublished = keptBack(events, versions[0]?.version ?? null);
  return {
    method: typeof method === 'string' ? method : 'unknown',
    paused: orders.paused !== undefined,
    ...(orders.pinned && { pinned: orders.pinned.version }),
    ...(plays !== undefined && { plays }),
    waiting: await waitingIn(folder, run?.consumed ?? []),
    consumed: run?.consumed.length ?? 0,
    ...(updates.length > 0 && { lastBatch: updates.at(-1)!.report.attempts }),
    versions: [...versions, ...unpublished].sort((a, b) => a.at - b.at),
    points: updates.map(pointOf),
    ...(values && { values }),
    ...(race && { race }),
    log: events
      .slice(-LOG_LINES)
      .map((event) => ({ at: timeOf(event), text: describeEvent(event) })),
  };
}
