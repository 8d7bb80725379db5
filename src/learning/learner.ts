import { join } from 'node:path';
import { type Episode, readEpisode } from '../episodes/readEpisode.ts';
import { UserError, messageOf } from '../errors.ts';
import { makeFolder } from '../files/makeFolder.ts';
import { writeAdapter } from '../policy/bundle/adapter.ts';
import type { Bundle } from '../policy/bundle/config.ts';
import type { SessionConfig } from '../session/session.ts';
import { writeSafetensors } from '../tensors/safetensors.ts';
import type { Algorithm, OpenAlgorithm } from './algorithm.ts';
import { balancedBatch, versionsBehind } from './batch.ts';
import { type ByHand, takeOrders } from './byHand.ts';
import { type HeldEpisode, applyLabels, count } from './corrections.ts';
import { type LearnerEvent, logEvents } from './events.ts';
import type { Rollout } from './attempts/rollout.ts';
import { type RolloutEncoder, gatherRollouts, openRolloutEncoder } from './attempts/rollouts.ts';
import { type Run, baseIn, readRun, stateFile, versionFile, writeRun } from './learnerFolder.ts';
import { reasonToKeepBack } from './gate.ts';
import type { UpdateMetrics } from './metrics.ts';
import { type OrderBook, type Orders, openOrders, ordersFile } from './orders.ts';
import { countedAsTold, successByRobot } from './robots.ts';
import { type RobotAttempts, type VersionRecord, isWorse, lineOf, newVersion, versionIn } from './versions.ts'; // prettier-ignore

export interface LearnerOptions {
  /** Where its state and all versions go. */
  folder: string;
  bundle: Bundle;
  joints: number;
  /** How the policy is improved. */
  algorithm: OpenAlgorithm;
  /** Episodes of an update. */
  batch: number;
  /** Versions that may have been published since the one that made an attempt; any number where absent. */
  mostBehind?: number;
  session: SessionConfig;
}

/** A version that a learner has on its own disk. */
export interface HeldVersion {
  version: string;
  parent: string | null;
  file: string;
}

/** Makes new versions of a policy from episodes as they come. */
export interface Learner extends ByHand {
  /** The version that learning goes on from, and its file. */
  current(): HeldVersion;
  /** One of its versions. */
  held(version: string): HeldVersion;
  /** The version that the robot is to play: what a person has ordered, or else the current one. */
  played(): HeldVersion;
  versions(): readonly VersionRecord[];
  /** Success by robot and version of all attempts that have come, also those that wait for an update. */
  byRobot(): readonly RobotAttempts[];
  /** What a person has ordered. */
  orders(): Orders;
  /** Queues an episode; the same twice counts once. Of one that is known, tells its label. */
  add(episode: HeldEpisode): void;
  /** Episodes that wait for an update. */
  waiting(): number;
  /** Episodes that were learned from, or left out. */
  consumed(): number;
  /**
   * Carries out a roll-back that was ordered. Otherwise takes new labels into account, and unless it is paused, a version
   * is pinned or on trial (`isTrying`), rolls back what proved worse, and makes an update if there are enough episodes.
   * What it did is on disk when it resolves; undefined if there was nothing to do.
   */
  advance(isTrying?: boolean): Promise<readonly LearnerEvent[] | undefined>;
  close(): Promise<void>;
}

/** A learner's parts. */
interface Parts {
  options: LearnerOptions;
  encoder: RolloutEncoder;
  algorithm: Algorithm;
  run: Run;
  orders: OrderBook;
  /** Episodes by id. */
  held: Map<string, HeldEpisode>;
}

const recordOf = ({ versions }: Run, version: string) =>
  versions.find((known) => known.version === version);

function saveState({ options, algorithm, run }: Parts): Promise<void> {
  const { format, tensors, values } = algorithm.state;
  const { folder, bundle } = options;
  return writeSafetensors(stateFile(folder), tensors, {
    ...{ format, base: bundle.base },
    ...values,
    run: writeRun(run),
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

/** Encodes an episode of the learned task: that of the first one; `robot` made it. */
async function encode(
  { encoder, run }: Parts,
  episode: Episode,
  robot: string | undefined,
): Promise<Rollout> {
  const { task } = episode.header;
  if (run.task !== undefined && task !== run.task)
    throw new UserError(
      `${episode.path}: nothing to learn from: of the task ${task}, this folder learns ${run.task}; leave it out`,
      { kind: 'mismatch', subject: episode.path },
    );
  const rollout = await encoder.encode(episode);
  run.task = task;
  return { ...rollout, ...(robot !== undefined && { robot }) };
}

/** Counts an attempt for the version that made it: the newest, where that was exchanged under way. */
function countAttempt(
  { versions, counted }: Run,
  { id, robot }: HeldEpisode,
  { chunks, reward }: Rollout,
): void {
  const version = versionIn(chunks.at(-1)?.policyVersion) ?? versions[0].version;
  const attempt = { version, reward, ...(robot !== undefined && { robot }) };
  counted.set(id, attempt);
  count(versions, attempt);
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

/** Goes back to the version that a person has ordered, unless that was done before a kill. */
async function rollBackAsOrdered(
  parts: Parts,
  ordered: NonNullable<Orders['rollBack']>,
): Promise<readonly LearnerEvent[]> {
  const { run, orders } = parts;
  const { version: to, by } = ordered;
  const from = run.current;
  let events: readonly LearnerEvent[] = [];
  if (from !== to) {
    const kept = lineOf(run.versions, to);
    for (const record of lineOf(run.versions, from))
      if (!kept.includes(record)) record.rolledBack = true;
    recordOf(run, to)!.rolledBack = false;
    await restore(parts, to);
    events = await settle(parts, [{ event: 'rolled back', version: from, to, by }]);
  }
  await orders.change((now) => (now.rollBack === ordered ? { rollBack: undefined } : {}));
  return events;
}

/** Has the algorithm make an update, and publishes what comes of it if it passes the gate. */
async function improve(parts: Parts, rollouts: readonly Rollout[]): Promise<LearnerEvent> {
  const { options, run, algorithm } = parts;
  const { folder, bundle, joints, session } = options;
  const before = algorithm.adapter();
  let report: UpdateMetrics;
  try {
    report = await algorithm.update(rollouts, run.counted);
  } catch (error) {
    // Back to the state before an update that failed half-way.
    await algorithm.close();
    parts.algorithm = await options.algorithm(
      { bundle, joints, session, folder },
      stateFile(folder),
    );
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
  const known = recordOf(run, after.version);
  // It was there before where what acts beside an unchanged network is taken away again.
  if (known) known.rolledBack = false;
  else {
    await writeAdapter(versionFile(folder, after.version), after);
    run.versions.push(newVersion(after.version, before.version));
  }
  run.current = after.version;
  return { event: 'published', version: after.version, parent: before.version, report };
}

/** An update's event, with the attempts that it learned from. */
const told = (
  event: LearnerEvent,
  rollouts: readonly Rollout[],
  robots: readonly RobotAttempts[],
): LearnerEvent =>
  'report' in event
    ? {
        ...event,
        rewards: Object.fromEntries(rollouts.map(({ id, reward }) => [id, reward])),
        ...(robots.length > 0 && { robots }),
      }
    : event;

async function learnFrom(
  parts: Parts,
  episodes: readonly HeldEpisode[],
): Promise<readonly LearnerEvent[]> {
  const { run } = parts;
  const byPath = new Map(episodes.map((episode) => [episode.path, episode]));
  const { rollouts, leftOut } = await gatherRollouts([...byPath.keys()], readEpisode, {
    async encode(episode) {
      const held = byPath.get(episode.path)!;
      const rollout = { ...(await encode(parts, episode, held.robot)), id: held.id };
      countAttempt(run, held, rollout);
      return rollout;
    },
  });
  run.consumed.push(...episodes.map(({ id }) => id));
  const events: LearnerEvent[] = leftOut.map((left) => ({ event: 'left out', ...left }));
  const rolledBack = await rollBack(parts);
  if (rolledBack) events.push(rolledBack);
  else if (rollouts.length > 0) {
    const robots = successByRobot(episodes.flatMap(({ id }) => run.counted.get(id) ?? []));
    events.push(told(await improve(parts, rollouts), rollouts, robots));
  }
  return settle(parts, events);
}

/** Episodes that wait for an update, oldest first. */
const waitingIn = ({ held, run }: Parts): HeldEpisode[] => {
  const consumed = new Set(run.consumed);
  return [...held.values()]
    .filter(({ id }) => !consumed.has(id))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
};

/** Leaves out attempts that were made by a version too old, which count for it; undefined where there are none. */
async function leaveOutOld(parts: Parts): Promise<readonly LearnerEvent[] | undefined> {
  const { run, options } = parts;
  const { mostBehind = Infinity } = options;
  const behind = (episode: HeldEpisode) => versionsBehind(episode, run.versions, run.current);
  const old = waitingIn(parts).filter((episode) => behind(episode) > mostBehind);
  if (old.length === 0) return undefined;
  const events = old.map((episode): LearnerEvent => {
    const { id, path } = episode;
    for (const attempt of countedAsTold([episode], run.versions)) {
      run.counted.set(id, attempt);
      count(run.versions, attempt);
    }
    run.consumed.push(id);
    const reason = `${path}: not learned from: ${behind(episode)} versions older than ${run.current}, at most ${mostBehind} may be; it counts for its version`;
    return { event: 'left out', path, reason };
  });
  return settle(parts, events);
}

/** Throws a `UserError` for an order of a version that the learner does not have. */
function demandVersions(
  folder: string,
  { pinned, rollBack, pinnedRobots = {} }: Orders,
  run: Run | undefined,
): void {
  for (const { version } of [pinned ?? [], rollBack ?? [], Object.values(pinnedRobots)].flat())
    if (!run || !recordOf(run, version))
      throw new UserError(
        `${ordersFile(folder)}: names version ${version}, which the learner does not have; remove the file`,
        { kind: 'mismatch', subject: ordersFile(folder), fields: [version] },
      );
}

/** Takes new labels into account, and rolls back what proved worse by them unless it is held; undefined where there are none. */
async function takeLabels(
  parts: Parts,
  isHeld: boolean,
): Promise<readonly LearnerEvent[] | undefined> {
  const { run, held } = parts;
  const consumed = new Set(run.consumed);
  const events = applyLabels(held.values(), run.versions, run, (id) => consumed.has(id));
  if (events.length === 0) return undefined;
  const rolledBack = isHeld ? undefined : await rollBack(parts);
  return settle(parts, rolledBack ? [...events, rolledBack] : events);
}

/** The parts where the folder left off, or where the policy begins. */
async function openParts(options: LearnerOptions): Promise<Parts> {
  const { folder, bundle, joints, session } = options;
  const context = { bundle, joints, session, folder };
  const orders = await openOrders(folder);
  const encoder = await openRolloutEncoder(bundle, session);
  const held = new Map<string, HeldEpisode>();
  const run = await readRun(folder);
  demandVersions(folder, orders.now, run);
  if (run) {
    const algorithm = await options.algorithm(context, stateFile(folder));
    return { options, encoder, algorithm, held, orders, run };
  }
  const algorithm = await options.algorithm(context);
  const first = algorithm.adapter();
  const begun: Run = {
    consumed: [],
    ...{ counted: new Map(), labels: new Map() },
    versions: [newVersion(first.version, null)],
    current: first.version,
  };
  const parts = { options, encoder, algorithm, held, orders, run: begun };
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
      `${stateFile(folder)}: the state of the policy ${base}, this one is ${bundle.base}; give each policy a folder of its own`,
      { kind: 'mismatch', subject: stateFile(folder) },
    );
  const parts = await openParts(options);
  const { run, held, orders } = parts;
  const heldVersion = (named: string): HeldVersion => {
    const { version, parent } = recordOf(run, named)!;
    return { version, parent, file: versionFile(folder, version) };
  };

  return {
    current: () => heldVersion(run.current),
    held: heldVersion,
    played() {
      const { pinned, rollBack } = orders.now;
      return heldVersion((pinned ?? rollBack)?.version ?? run.current);
    },
    versions: () => run.versions,
    byRobot: () => successByRobot(countedAsTold(held.values(), run.versions)),
    orders: () => orders.now,
    add(episode) {
      held.set(episode.id, episode);
    },
    waiting: () => waitingIn(parts).length,
    consumed: () => run.consumed.length,
    async advance(isTrying = false) {
      const { paused, pinned, rollBack } = orders.now;
      if (rollBack) return rollBackAsOrdered(parts, rollBack);
      const isHeld = isTrying || paused !== undefined || pinned !== undefined;
      const events = await takeLabels(parts, isHeld);
      if (events) return events;
      if (isHeld) return undefined;
      const leftOut = await leaveOutOld(parts);
      if (leftOut) return leftOut;
      const episodes = waitingIn(parts);
      return episodes.length < batch ? undefined : learnFrom(parts, balancedBatch(episodes, batch));
    },
    ...takeOrders(folder, run, orders),
    async close() {
      await parts.algorithm.close();
      await parts.encoder.close();
    },
  };
}
