import { join } from 'node:path';
import { messageOf } from '../../errors.ts';
import { wholePath } from '../../episodes/files.ts';
import { listEpisode, listEpisodes } from '../../episodes/listEpisodes.ts';
import { adaptationCurve, readCurve } from '../../learning/curve.ts';
import { isThere } from '../../files/isThere.ts';
import {
  type Beginning,
  demandBeginning,
  fpoBeginning,
  recordBeginning,
} from '../../learning/begun.ts';
import { type FpoConfig, loadFpoConfig } from '../../learning/fpo/config.ts';
import type { LearnerEvent } from '../../learning/events.ts';
import type { RobotAttempts } from '../../learning/versions.ts';
import type { MethodName } from '../../learning/methodNames.ts';
import { METHODS } from '../../learning/methods.ts';
import type { ConsoleChoice } from '../../console/consoleAccess.ts';
import { type LearningConsole, openLearningConsole } from '../../learning/learningConsole.ts';
import { type HeldEpisode, heldEpisode } from '../../learning/corrections.ts';
import { type Learner, openLearner } from '../../learning/learner.ts';
import { baseIn, withoutOwnAdapter } from '../../learning/learnerFolder.ts';
import { demandKeys, folderAddress } from '../wire/address.ts';
import { type OrderFunctions, orderAnswers, orderFunctions } from './learnerOrders.ts';
import { type LearnerPort, openLearnerPort } from './learnerPort.ts';
import { type KeptEpisode, readRobots } from './store.ts';
import { makeFolder } from '../../files/makeFolder.ts';
import { loadSessionConfig } from '../../session/session.ts';
import { adapterVersion } from '../../policy/bundle/adapter.ts';
import { loadBundle } from '../../policy/bundle/bundle.ts';
import { createQueue } from '../../processes/queue.ts';
import { yieldToAll, yieldToControl } from '../../processes/priority.ts';
import { type BundleRobot, robotOf } from '../../policy/bundle/robotOf.ts';
import { writeWhole } from '../../files/writeWhole.ts';
import { describeEvent, describeHold, timeLeft } from '../../learning/learnReport.ts';
import { rejectOnAbort } from '../../processes/rejectOnAbort.ts';
import { type Output, print } from '../../terminal/output.ts';
import { speaker } from '../../terminal/speaker.ts';
import { type Bundle } from '../../policy/bundle/config.ts';
import { loadCalibration } from '../../robot/calibrationFile.ts';

/** How far a learner has come. */
export interface LearnerProgress {
  /** Episodes that it has learned from or left out. */
  consumed: number;
  /** What the robot is to play: an adapter's version, or the bundle's as long as there is none. */
  current: string;
  /** Success by robot and version, of all attempts that have come; absent where no robot has a name. */
  byRobot?: readonly RobotAttempts[];
}

export interface LearnOptions {
  /** Spare ones: those that nothing else wants. */
  cores: 'spare' | 'shared';
  policy: string;
  /** The robot's calibration; absent: the robot is known by the policy alone. */
  calibration?: string;
  method: MethodName;
  config?: string;
  batch: number;
  seed: number;
  address?: string;
  keys?: string;
  session?: string;
  json?: boolean;
}

/** What all of a folder's runs have in common. */
const beginningOf = (
  bundle: Bundle,
  { method, config }: { method: MethodName; config: FpoConfig },
  { name, joints }: BundleRobot,
): Beginning => ({
  command: 'learn',
  method,
  ...fpoBeginning(bundle, config),
  embodiment: { name, joints },
});

/** The robot of a calibration, or else as the policy has it: that of a client of `nalu serve` has none. */
async function learningRobot(bundle: Bundle, calibration?: string): Promise<BundleRobot> {
  const own = robotOf(bundle);
  if (calibration === undefined) return own;
  const { name, joints } = await loadCalibration(calibration);
  return { name, joints: joints.map((joint) => joint.name), actions: joints.length };
}

/** What can be seen in a folder without a record of what it was begun with. */
async function heldIn(folder: string): Promise<Beginning> {
  const isAdaptations = await isThere(join(folder, 'runtime', 'episodes'));
  return { ...(isAdaptations && { command: 'adapt' }), policy: await baseIn(folder) };
}

export interface LearnSurroundings {
  out: Output;
  err: Output;
  /** Stops the learner. */
  signal: AbortSignal;
  /** Receives what can be ordered of the learner, once that is open. */
  onOpen?: (orders: OrderFunctions) => void;
  /** Where its page is to be, if there is to be one. */
  console?: ConsoleChoice;
}

/** How a learner reports: lines for people, or with --json one object a line. */
interface Report {
  note: (line: string) => void;
  event: (event: LearnerEvent, progress: LearnerProgress) => void;
  ready: (address: string, batch: number, progress: LearnerProgress) => void;
  /** A line that the next one replaces. */
  waiting: (line: () => string) => void;
}

function createReport(json: boolean, { out, err }: LearnSurroundings): Report {
  if (json)
    return {
      note: (line) => print(err, line),
      event: (event, progress) => print(out, JSON.stringify({ ...event, ...progress })),
      ready: (address, _, progress) =>
        print(out, JSON.stringify({ event: 'ready', address, ...progress })),
      waiting: () => undefined,
    };
  const { note, live } = speaker(out);
  return {
    note,
    event: (event) => note(describeEvent(event)),
    ready: (address, batch) =>
      note(`Learning from episodes that come over ${address}, ${batch} an update.`),
    waiting: (line) => live(line()),
  };
}

/** A learner that is open: its folder belongs to this process. */
interface OpenLearner {
  port: LearnerPort;
  learner: Learner;
  bundle: Bundle;
  /** Episodes that have come over the link. */
  received: () => number;
  /** An episode was labelled on this machine. */
  relabelled: (id: string) => Promise<void>;
  /** Sends the robot the version that it is to play. */
  publish: () => Promise<void>;
  /** Resolves when another episode or label has come, or `wake` was called. */
  arrival: () => Promise<void>;
  wake: () => void;
}

/** Opens the folder and the link; `onPort` gets the link's end as soon as it is open. */
async function open(
  folder: string,
  options: LearnOptions,
  { note }: Report,
  onPort: (port: LearnerPort) => void,
): Promise<OpenLearner> {
  const { method, batch, seed, keys, address = folderAddress(folder) } = options;
  demandKeys(address, keys);
  const session = await loadSessionConfig(options.session);
  const bundle = await loadBundle(options.policy);
  const robot = await learningRobot(bundle, options.calibration);
  const config = await loadFpoConfig(options.config, seed);
  const beginning = beginningOf(bundle, { method, config }, robot);
  await demandBeginning(folder, await withoutOwnAdapter(folder, beginning), () => heldIn(folder));
  await makeFolder(folder);
  if (options.cores === 'spare') yieldToAll();
  else yieldToControl();

  let received = 0;
  let wake = () => {};
  let add: (episode: HeldEpisode) => void = () => {};
  const onLabels = (episode: KeptEpisode) => {
    add(episode);
    wake();
  };
  const onEpisode = (episode: KeptEpisode) => {
    received += 1;
    onLabels(episode);
  };
  // Only one process can listen there; that one owns the folder's state.
  const port = await openLearnerPort({
    ...{ folder, address, keys, policy: bundle },
    ...{ onEpisode, onLabels },
    // Without a calibration the joints have no names of their own.
    ...(options.calibration !== undefined && {
      embodiment: { name: robot.name, joints: robot.joints },
    }),
    log: note,
  });
  onPort(port);
  // Reports a line that was cut off, once.
  await readCurve(folder, note);
  const joints = robot.actions;
  const algorithm = METHODS[method].open(config);
  const learner = await openLearner({ folder, bundle, joints, algorithm, batch, session });
  await recordBeginning(folder, beginning);
  add = (episode) => learner.add(episode);
  const robots = await readRobots(folder);
  for (const episode of await listEpisodes(join(folder, 'episodes')))
    learner.add(heldEpisode(episode, robots.get(episode.id)));
  const inOrder = createQueue();
  return {
    ...{ port, learner, bundle },
    received: () => received,
    publish: () => inOrder(() => publish({ port, learner, bundle })),
    async relabelled(id) {
      const episode = await listEpisode(wholePath(join(folder, 'episodes'), id));
      const robots = await readRobots(folder);
      if (episode) learner.add(heldEpisode(episode, robots.get(id)));
      wake();
    },
    arrival: () => new Promise((resolve) => (wake = resolve)),
    wake: () => wake(),
  };
}

/** The first version is that of the bundle itself: it goes out only where one is taken back to it. */
const isOut = (learner: Learner) => learner.versions().length > 1;

/** Sends the robot the version that it is to play. */
async function publish({
  port,
  learner,
  bundle,
}: Pick<OpenLearner, 'port' | 'learner' | 'bundle'>): Promise<void> {
  if (!isOut(learner)) return;
  const { file, parent } = learner.played();
  const first = learner.versions()[0].version;
  const known = parent === null || parent === first ? adapterVersion(bundle) : parent;
  await port.publish(file, known);
}

function progressOf({ learner, bundle }: OpenLearner): LearnerProgress {
  const byRobot = learner.byRobot();
  return {
    consumed: learner.consumed(),
    current: isOut(learner) ? learner.played().version : bundle.version,
    ...(byRobot.length > 0 && { byRobot }),
  };
}

/** Learns from episodes as they come, until the signal aborts. */
async function learnFromEpisodes(
  open: OpenLearner,
  { folder, batch, report, signal }: { folder: string; batch: number; report: Report; signal: AbortSignal }, // prettier-ignore
): Promise<void> {
  const { learner, port, received } = open;
  const began = performance.now();
  await open.publish();
  report.ready(port.address, batch, progressOf(open));
  const held = describeHold(learner.orders());
  if (held !== undefined) report.note(`${held}; the page of --console changes that`);
  while (!signal.aborted) {
    const events = await learner.advance();
    if (events) {
      await open.publish();
      for (const event of events) report.event(event, progressOf(open));
      const curve = adaptationCurve(await readCurve(folder));
      await writeWhole(join(folder, 'curve.svg'), curve);
      continue;
    }
    const seconds = (performance.now() - began) / 1000;
    report.waiting(
      () =>
        describeHold(learner.orders()) ?? timeLeft(learner.waiting(), batch, seconds, received()),
    );
    await open.arrival();
  }
}

/**
 * The learner: takes episodes over the link, makes new versions of the policy from them, and sends each
 * that passes the gate to the robot. Goes on from its folder after a kill. It ends when the signal aborts;
 * an update that is under way is then left, and made again by the next learner, to the same numbers.
 */
export async function learn(
  folder: string,
  options: LearnOptions,
  surroundings: LearnSurroundings,
): Promise<'interrupted'> {
  const { signal } = surroundings;
  const report = createReport(options.json ?? false, surroundings);
  let port: LearnerPort | undefined;
  let page: Promise<LearningConsole> | undefined;
  const work = async () => {
    const opened = await open(folder, options, report, (one) => (port = one));
    const onEvent = (event: LearnerEvent) => report.event(event, progressOf(opened));
    const orders = orderFunctions({ ...opened, onEvent });
    surroundings.onOpen?.(orders);
    page =
      surroundings.console &&
      openLearningConsole({
        ...surroundings.console,
        learner: { folder, batch: options.batch, runs: true },
        episodes: [join(folder, 'episodes')],
        answers: orderAnswers(orders),
        onLabel: (id) =>
          void opened.relabelled(id).catch((error: unknown) => report.note(messageOf(error))),
        log: report.note,
      });
    await page;
    await learnFromEpisodes(opened, { folder, batch: options.batch, report, signal });
  };
  try {
    await Promise.race([work(), rejectOnAbort(signal)]);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await page?.then((opened) => opened.close()).catch(() => undefined);
    await port?.close();
  }
  if (!options.json) report.note('stopped by hand; the same command goes on from here');
  return 'interrupted';
}
