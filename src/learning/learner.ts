import { join } from 'node:path';
import { type Episode, readEpisode } from '../episodes/readEpisode.ts';
import { UserError, messageOf } from '../errors.ts';
import { isThere } from '../files/isThere.ts';
import { appendJsonLines } from '../files/jsonLines.ts';
import { makeFolder } from '../files/makeFolder.ts';
import type { SessionConfig } from '../session/session.ts';
import { type Adapter, readAdapterHead, writeAdapter } from '../policy/bundle/adapter.ts';
import type { Beginning } from './begun.ts';
import { readFpoCheckpoint, readFpoHead, writeFpoCheckpoint } from './fpo/checkpoint.ts';
import type { FpoConfig } from './fpo/config.ts';
import type { FpoReport } from './fpo/report.ts';
import {
  type Fpo,
  type FpoState,
  initialFpoState,
  openFpo,
  readPolicyState,
} from './fpo/update.ts';
import { reasonToKeepBack } from './gate.ts';
import { gatherRollouts, openRolloutEncoder } from './fpo/rollouts.ts';
import { type VersionRecord, isWorse } from './versions.ts';
import type { Bundle } from '../policy/bundle/config.ts';
import { type Rollout } from './fpo/rollout.ts';

/** An episode that a learner has on its own disk. */
export interface HeldEpisode {
  id: string;
  path: string;
}

/** What a learner carries beside FPO's state, from which a killed one goes on. */
interface Run {
  /** Ids of episodes that were learned from, or left out. */
  consumed: string[];
  versions: VersionRecord[];
  /** The version that the robot is to use. */
  current: string;
  /** Of the episodes that were learned from; absent before the first. */
  task?: string;
}

/** What happened to the policy. */
export type LearnerEvent =
  | { event: 'published'; version: string; parent: string; report: FpoReport }
  | { event: 'warmed up'; report: FpoReport }
  | { event: 'unmoved'; reason: string; report: FpoReport }
  | { event: 'kept back'; version: string; reason: string; report: FpoReport }
  | { event: 'rolled back'; version: string; to: string }
  | { event: 'failed'; reason: string }
  | { event: 'left out'; path: string; reason: string };

export interface LearnerOptions {
  /** Where its state and all versions go. */
  folder: string;
  bundle: Bundle;
  joints: number;
  config: FpoConfig;
  /** Episodes of an update. */
  batch: number;
  session: SessionConfig;
}

/** Makes new versions of a policy from episodes as they come. */
export interface Learner {
  /** The version that the robot is to use, and its file. */
  current(): { version: string; parent: string | null; file: string };
  versions(): readonly VersionRecord[];
  /** Takes note of an episode; the same twice counts once. */
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

const STATE = 'state.safetensors';
/** Events as JSON, one a line. One that a kill kept from being saved stands there again: see readCurve. */
export const LOG = 'log.jsonl';

const versionFile = (folder: string, version: string) =>
  join(folder, 'versions', `${version}.safetensors`);

/** `now` without an adapter of the bundle's that is one of the folder's own versions: it belongs there. */
export const withoutOwnAdapter = async (folder: string, now: Beginning): Promise<Beginning> =>
  (await isThere(versionFile(folder, String(now.adapter)))) ? { ...now, adapter: undefined } : now;

/** Base of the policy that a learner's folder improves, as far as its state tells; undefined if it does not. */
export async function baseIn(folder: string): Promise<string | undefined> {
  const state = join(folder, STATE);
  if (!(await isThere(state))) return undefined;
  const { base, run } = await readFpoHead(state);
  if (base !== undefined || run === undefined) return base;
  // An older state does not tell; its first version does.
  const [{ version }] = (JSON.parse(run) as Run).versions;
  const file = versionFile(folder, version);
  return (await isThere(file)) ? (await readAdapterHead(file)).base : undefined;
}

/** The version that made an episode's chunks: the newest, where it was exchanged under way. */
const versionIn = (policyVersion: string | undefined) => policyVersion?.split('+')[1];

/**
 * Opens a learner where its folder left off. A kill at any moment loses nothing: the state is written
 * after the adapter that it speaks of, and from the same episodes the same update comes out again.
 */
export async function openLearner(options: LearnerOptions): Promise<Learner> {
  const { folder, bundle, joints, config, batch, session } = options;
  await makeFolder(join(folder, 'versions'));
  const stateFile = join(folder, STATE);
  const fileOf = (version: string) => versionFile(folder, version);
  const base = (await baseIn(folder)) ?? bundle.base;
  if (base !== bundle.base)
    throw new UserError(
      `${stateFile}: the state of the policy ${base}, this one is ${bundle.base}; give each policy a folder of its own`,
    );
  const fit = { ...bundle, trainable: config.trainable };

  const held = new Map<string, HeldEpisode>();
  const encoder = await openRolloutEncoder(bundle, session);
  let fpo: Fpo;
  let run: Run;

  const save = () =>
    writeFpoCheckpoint(stateFile, { state: fpo.state, run: JSON.stringify(run) }, bundle, config);
  /** Ends an update: what happened is in the log before it counts, so that a kill loses none of it. */
  const settle = async (events: readonly LearnerEvent[]) => {
    const time = new Date().toISOString();
    await appendJsonLines(
      join(folder, LOG),
      events.map((event) => ({ time, ...event })),
    );
    await save();
    return events;
  };
  const keep = async (adapter: Adapter) => writeAdapter(fileOf(adapter.version), adapter);

  const open = async (state: FpoState) => openFpo(bundle, joints, config, state, session);
  if (await isThere(stateFile)) {
    const read = await readFpoCheckpoint(stateFile, bundle.pi0, config);
    fpo = await open(read.state);
    run = JSON.parse(read.run) as Run;
  } else {
    fpo = await open(await initialFpoState(bundle, config));
    const first = fpo.adapter();
    await keep(first);
    run = { consumed: [], versions: [], current: first.version };
    run.versions.push(emptyRecord(first.version, null));
    await save();
  }
  /** Goes back to the state on disk, after an update that failed half-way. */
  const reopen = async () => {
    await fpo.close();
    fpo = await open((await readFpoCheckpoint(stateFile, bundle.pi0, config)).state);
  };
  const recordOf = (version: string) => run.versions.find((known) => known.version === version);

  const waiting = () =>
    [...held.values()]
      .filter(({ id }) => !run.consumed.includes(id))
      .sort((a, b) => (a.id < b.id ? -1 : 1));

  /** Puts the policy back to a version's parameters; the critics keep what they know. */
  const restore = async (version: string, { critics, updates, moves }: FpoState) => {
    const read = await readPolicyState(fileOf(version), fit);
    await fpo.close();
    fpo = await open({ updates, moves, ...read, critics });
    run.current = version;
  };

  const count = (versions: readonly (string | undefined)[], rewards: readonly number[]) =>
    versions.forEach((version, i) => {
      const record = recordOf(version ?? run.versions[0].version);
      if (!record) return;
      record.attempts += 1;
      record.successes += rewards[i];
    });

  /** Encodes an episode of the task that is learned: that of the first one. */
  const encode = async (episode: Episode): Promise<Rollout> => {
    const { task } = episode.header;
    if (run.task !== undefined && task !== run.task)
      throw new UserError(
        `${episode.path}: nothing to learn from: of the task ${task}, this folder learns ${run.task}; leave it out`,
      );
    const rollout = await encoder.encode(episode);
    run.task = task;
    return rollout;
  };

  const update = async (episodes: readonly HeldEpisode[]): Promise<readonly LearnerEvent[]> => {
    const paths = episodes.map(({ path }) => path);
    const { rollouts, leftOut } = await gatherRollouts(paths, readEpisode, { encode });
    run.consumed.push(...episodes.map(({ id }) => id));
    const events: LearnerEvent[] = leftOut.map((left) => ({ event: 'left out', ...left }));
    count(
      rollouts.map(({ chunks }) => versionIn(chunks.at(-1)?.policyVersion)),
      rollouts.map(({ reward }) => reward),
    );
    const { parent, version } = recordOf(run.current)!;
    const better = parent === null ? undefined : recordOf(parent);
    if (better && isWorse(recordOf(version)!, better)) {
      recordOf(version)!.rolledBack = true;
      await restore(better.version, fpo.state);
      return settle([...events, { event: 'rolled back', version, to: better.version }]);
    }
    if (rollouts.length === 0) return settle(events);
    const before = fpo.adapter();
    let report: FpoReport;
    try {
      report = await fpo.update(rollouts);
    } catch (error) {
      await reopen();
      return settle([...events, { event: 'failed', reason: messageOf(error) }]);
    }
    const after = fpo.adapter();
    if (after.version === before.version) {
      const { unmoved: reason } = report;
      const event: LearnerEvent =
        reason === undefined
          ? { event: 'warmed up', report }
          : { event: 'unmoved', reason, report };
      return settle([...events, event]);
    }
    const reason = reasonToKeepBack(before, after, report);
    if (reason !== undefined) {
      await restore(before.version, fpo.state);
      return settle([...events, { event: 'kept back', version: after.version, reason, report }]);
    }
    await keep(after);
    run.versions.push(emptyRecord(after.version, before.version));
    run.current = after.version;
    return settle([
      ...events,
      { event: 'published', version: after.version, parent: before.version, report },
    ]);
  };

  return {
    current() {
      const { version, parent } = recordOf(run.current)!;
      return { version, parent, file: fileOf(version) };
    },
    versions: () => run.versions,
    add(episode) {
      held.set(episode.id, episode);
    },
    waiting: () => waiting().length,
    consumed: () => run.consumed.length,
    async advance() {
      const episodes = waiting();
      return episodes.length < batch ? undefined : update(episodes.slice(0, batch));
    },
    async close() {
      await fpo.close();
      await encoder.close();
    },
  };
}

const emptyRecord = (version: string, parent: string | null): VersionRecord => ({
  version,
  parent,
  attempts: 0,
  successes: 0,
  rolledBack: false,
});
