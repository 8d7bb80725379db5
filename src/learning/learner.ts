import { join } from 'node:path';
import { type Episode, readEpisode } from '../episodes/readEpisode.ts';
import { UserError, messageOf } from '../errors.ts';
import { isThere } from '../files/isThere.ts';
import { makeFolder } from '../files/makeFolder.ts';
import { readAdapterHead, writeAdapter } from '../policy/bundle/adapter.ts';
import type { Bundle } from '../policy/bundle/config.ts';
import type { SessionConfig } from '../session/session.ts';
import { readSafetensorsHeader, writeSafetensors } from '../tensors/safetensors.ts';
import { parseJson } from '../validate.ts';
import type { Algorithm, OpenAlgorithm } from './algorithm.ts';
import type { Beginning } from './begun.ts';
import { type LearnerEvent, logEvents } from './events.ts';
import type { Rollout } from './attempts/rollout.ts';
import { type RolloutEncoder, gatherRollouts, openRolloutEncoder } from './attempts/rollouts.ts';
import { reasonToKeepBack } from './gate.ts';
import type { UpdateMetrics } from './metrics.ts';
import { type VersionRecord, isWorse, newVersion } from './versions.ts';

/** An episode that a learner has on its own disk. */
export interface HeldEpisode {
  id: string;
  path: string;
}

export interface LearnerOptions {
  /** Where its state and all versions go. */
  folder: string;
  bundle: Bundle;
  joints: number;
  /** How the policy is improved. */
  algorithm: OpenAlgorithm;
  /** Episodes of an update. */
  batch: number;
  session: SessionConfig;
}

/** Makes new versions of a policy from episodes as they come. */
export interface Learner {
  /** The version that the robot is to use, and its file. */
  current(): { version: string; parent: string | null; file: string };
  versions(): readonly VersionRecord[];
  /** Queues an episode; the same twice counts once. */
  add(episode: HeldEpisode): void;
  /** Episodes that wait for an update. */
  waiting(): number;
  /** Episodes that were learned from, or left out. */
  consumed(): number;
  /**
   * Rolls back what proved worse, and makes an update if there are enough episodes. What it did is on
   * disk when it resolves; undefined if there was nothing to do.
   */
  advance(): Promise<readonly LearnerEvent[] | undefined>;
  close(): Promise<void>;
}

/** What a learner keeps beside the algorithm's state, in the same file. */
interface Run {
  /** Ids of episodes that were learned from, or left out. */
  consumed: string[];
  versions: VersionRecord[];
  /** The version that the robot is to use. */
  current: string;
  /** Of the episodes that were learned from; absent before the first. */
  task?: string;
}

/** A learner's parts. */
interface Parts {
  options: LearnerOptions;
  encoder: RolloutEncoder;
  algorithm: Algorithm;
  run: Run;
  /** Episodes by id. */
  held: Map<string, HeldEpisode>;
}

const STATE = 'state.safetensors';

const versionFile = (folder: string, version: string) =>
  join(folder, 'versions', `${version}.safetensors`);

/** `now` without an adapter of the bundle's that is one of the folder's own versions: it belongs there. */
export const withoutOwnAdapter = async (folder: string, now: Beginning): Promise<Beginning> =>
  (await isThere(versionFile(folder, String(now.adapter)))) ? { ...now, adapter: undefined } : now;

/** Base of the policy that a learner's folder improves, as its state names it; undefined where it does not. */
export async function baseIn(folder: string): Promise<string | undefined> {
  const state = join(folder, STATE);
  if (!(await isThere(state))) return undefined;
  const { base, run } = (await readSafetensorsHeader(state)).metadata;
  if (base !== undefined || run === undefined) return base;
  // An older state does not name it; its first version does.
  const [first] = (parseJson(run, state) as Partial<Run>).versions ?? [];
  const file = first && versionFile(folder, first.version);
  return file && (await isThere(file)) ? (await readAdapterHead(file)).base : undefined;
}

/** The version that made an episode's chunks: the newest, where it was exchanged under way. */
const versionIn = (policyVersion: string | undefined) => policyVersion?.split('+')[1];

const recordOf = ({ versions }: Run, version: string) =>
  versions.find((known) => known.version === version);

function saveState({ options, algorithm, run }: Parts): Promise<void> {
  const { format, tensors, values } = algorithm.state;
  const { folder, bundle } = options;
  return writeSafetensors(join(folder, STATE), tensors, {
    ...{ format, base: bundle.base },
    ...values,
    run: JSON.stringify(run),
  });
}

/** Ends an update: events are in the log before the state counts, so that a kill loses none of them. */
async function settle(
  parts: Parts,
  events: readonly LearnerEvent[],
): Promise<readonly LearnerEvent[]> {
  await logEvents(parts.options.folder, events);
  await saveState(parts);
  return events;
}

async function restore({ options, algorithm, run }: Parts, version: string): Promise<void> {
  await algorithm.restore(versionFile(options.folder, version));
  run.current = version;
}

/** Encodes an episode of the learned task: that of the first one. */
async function encode({ encoder, run }: Parts, episode: Episode): Promise<Rollout> {
  const { task } = episode.header;
  if (run.task !== undefined && task !== run.task)
    throw new UserError(
      `${episode.path}: nothing to learn from: of the task ${task}, this folder learns ${run.task}; leave it out`,
    );
  const rollout = await encoder.encode(episode);
  run.task = task;
  return rollout;
}

/** Counts attempts for the versions that made them. */
function countAttempts({ versions }: Run, rollouts: readonly Rollout[]): void {
  for (const { chunks, reward } of rollouts) {
    const version = versionIn(chunks.at(-1)?.policyVersion) ?? versions[0].version;
    const record = versions.find((known) => known.version === version);
    if (!record) continue;
    record.attempts += 1;
    record.successes += reward;
  }
}

/** Goes back to the current version's parent where that one is better; undefined where it is not. */
async function rollBack(parts: Parts): Promise<LearnerEvent | undefined> {
  const { run } = parts;
  const child = recordOf(run, run.current)!;
  const parent = child.parent === null ? undefined : recordOf(run, child.parent);
  if (!parent || !isWorse(child, parent)) return undefined;
  child.rolledBack = true;
  await restore(parts, parent.version);
  return { event: 'rolled back', version: child.version, to: parent.version };
}

/** Has the algorithm make an update, and publishes what comes of it if it passes the gate. */
async function improve(parts: Parts, rollouts: readonly Rollout[]): Promise<LearnerEvent> {
  const { options, run, algorithm } = parts;
  const { folder, bundle, joints, session } = options;
  const before = algorithm.adapter();
  let report: UpdateMetrics;
  try {
    report = await algorithm.update(rollouts);
  } catch (error) {
    // Back to the state before an update that failed half-way.
    await algorithm.close();
    parts.algorithm = await options.algorithm({ bundle, joints, session }, join(folder, STATE));
    return { event: 'failed', reason: messageOf(error) };
  }
  const after = algorithm.adapter();
  if (after.version === before.version) {
    const { skipped: reason } = report;
    return reason === undefined ? { event: 'warmed up', report } : { event: 'unmoved', reason, report }; // prettier-ignore
  }
  const reason = reasonToKeepBack(before, after, report);
  if (reason !== undefined) {
    await restore(parts, before.version);
    return { event: 'kept back', version: after.version, reason, report };
  }
  await writeAdapter(versionFile(folder, after.version), after);
  run.versions.push(newVersion(after.version, before.version));
  run.current = after.version;
  return { event: 'published', version: after.version, parent: before.version, report };
}

async function learnFrom(
  parts: Parts,
  episodes: readonly HeldEpisode[],
): Promise<readonly LearnerEvent[]> {
  const { run } = parts;
  const paths = episodes.map(({ path }) => path);
  const { rollouts, leftOut } = await gatherRollouts(paths, readEpisode, {
    encode: (episode) => encode(parts, episode),
  });
  run.consumed.push(...episodes.map(({ id }) => id));
  countAttempts(run, rollouts);
  const events: LearnerEvent[] = leftOut.map((left) => ({ event: 'left out', ...left }));
  const rolledBack = await rollBack(parts);
  if (rolledBack) events.push(rolledBack);
  else if (rollouts.length > 0) events.push(await improve(parts, rollouts));
  return settle(parts, events);
}

/** The parts where the folder left off, or where the policy begins. */
async function openParts(options: LearnerOptions): Promise<Parts> {
  const { folder, bundle, joints, session } = options;
  const context = { bundle, joints, session };
  const stateFile = join(folder, STATE);
  const encoder = await openRolloutEncoder(bundle, session);
  const held = new Map<string, HeldEpisode>();
  if (await isThere(stateFile)) {
    const algorithm = await options.algorithm(context, stateFile);
    const { run } = (await readSafetensorsHeader(stateFile)).metadata;
    return { options, encoder, algorithm, held, run: JSON.parse(run) as Run };
  }
  const algorithm = await options.algorithm(context);
  const first = algorithm.adapter();
  const run = {
    consumed: [],
    versions: [newVersion(first.version, null)],
    current: first.version,
  };
  const parts = { options, encoder, algorithm, held, run };
  await writeAdapter(versionFile(folder, first.version), first);
  await saveState(parts);
  return parts;
}

/**
 * Opens a learner where its folder left off. A kill at any moment loses nothing: the state is written
 * after the adapter that it names, and from the same episodes the same update comes out again.
 */
export async function openLearner(options: LearnerOptions): Promise<Learner> {
  const { folder, bundle, batch } = options;
  await makeFolder(join(folder, 'versions'));
  const base = (await baseIn(folder)) ?? bundle.base;
  if (base !== bundle.base)
    throw new UserError(
      `${join(folder, STATE)}: the state of the policy ${base}, this one is ${bundle.base}; give each policy a folder of its own`,
    );
  const parts = await openParts(options);
  const { run, held } = parts;
  const waiting = () =>
    [...held.values()]
      .filter(({ id }) => !run.consumed.includes(id))
      .sort((a, b) => (a.id < b.id ? -1 : 1));

  return {
    current() {
      const { version, parent } = recordOf(run, run.current)!;
      return { version, parent, file: versionFile(folder, version) };
    },
    versions: () => run.versions,
    add(episode) {
      held.set(episode.id, episode);
    },
    waiting: () => waiting().length,
    consumed: () => run.consumed.length,
    async advance() {
      const episodes = waiting();
      return episodes.length < batch ? undefined : learnFrom(parts, episodes.slice(0, batch));
    },
    async close() {
      await parts.algorithm.close();
      await parts.encoder.close();
    },
  };
}
