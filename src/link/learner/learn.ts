import { join } from 'node:path';
import { UserError, messageOf } from '../../errors.ts';
import { isNats } from '../../nats/address.ts';
import { wholePath } from '../../episodes/files.ts';
import { listEpisode, listEpisodes } from '../../episodes/listEpisodes.ts';
import { drawCurve, readCurve } from '../../learning/curve.ts';
import { isThere } from '../../files/isThere.ts';
import {
  type Beginning,
  demandBeginning,
  methodBeginning,
  recordBeginning,
} from '../../learning/begun.ts';
import type { LearnerEvent } from '../../learning/events.ts';
import type { RobotAttempts } from '../../learning/versions.ts';
import type { MethodName } from '../../learning/methodNames.ts';
import { type ConfiguredMethod, METHODS, demandLearnable } from '../../learning/methods.ts';
import type { ConsoleChoice } from '../../console/consoleAccess.ts';
import { type LearningConsole, openLearningConsole } from '../../learning/learningConsole.ts';
import { type HeldEpisode, heldEpisode } from '../../learning/corrections.ts';
import { type Learner, openLearner } from '../../learning/learner.ts';
import { baseIn, withoutOwnAdapter } from '../../learning/learnerFolder.ts';
import { demandKeys, folderAddress } from '../wire/address.ts';
import type { FleetOrder } from '../nats/fleet.ts';
import { type Distributor, isOut, openDistributor } from './distributor.ts';
import { type OrderFunctions, obeyFleet, orderAnswers, orderFunctions } from './learnerOrders.ts';
import { type LearnerPort, openLearnerPort } from './learnerPort.ts';
import { type KeptEpisode, readRobots } from './store.ts';
import { makeFolder } from '../../files/makeFolder.ts';
import { loadSessionConfig } from '../../session/session.ts';
import { loadBundle } from '../../policy/bundle/bundle.ts';
import { yieldToAll, yieldToControl } from '../../processes/priority.ts';
import { type BundleRobot, robotOf } from '../../policy/bundle/robotOf.ts';
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
  /** A new version goes to one robot first, then to half of them, and is taken back if it proves worse. */
  trial?: boolean;
}

/** What all of a folder's runs have in common. */
const beginningOf = (
  bundle: Bundle,
  method: MethodName,
  { settings }: ConfiguredMethod,
  { name, joints }: BundleRobot,
): Beginning => ({
  command: 'learn',
  method,
  ...methodBeginning(bundle, settings),
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
  distributor: Distributor;
  bundle: Bundle;
  orders: OrderFunctions;
  /** Episodes that have come over the link. */
  received: () => number;
  /** Sends the robots the versions that they are to play, and tells how the fleet is. */
  publish: () => Promise<void>;
  /** Resolves when another episode, label, robot or order has come. */
  arrival: () => Promise<void>;
}

/** Tells a learner of the episodes that its folder has. */
async function addKept(learner: Learner, folder: string): Promise<void> {
  const robots = await readRobots(folder);
  for (const episode of await listEpisodes(join(folder, 'episodes')))
    learner.add(heldEpisode(episode, robots.get(episode.id)));
}

async function addLabelled(learner: Learner, folder: string, id: string): Promise<void> {
  const episode = await listEpisode(wholePath(join(folder, 'episodes'), id));
  // One that the link has not brought yet comes with its label.
  if (episode?.state !== 'finished') return;
  learner.add(heldEpisode(episode, (await readRobots(folder)).get(id)));
}

/** What the options name, which must be what the folder was begun with. Throws a `UserError`. */
async function settingsOf(folder: string, options: LearnOptions) {
  const { method, seed, address = '', trial = false } = options;
  if (trial && !isNats(address))
    throw new UserError(
      '--trial needs robots that have names; give --address nats://NAME@HOST:PORT, of a NATS server',
      { kind: 'unsaid', fields: ['--address'] },
    );
  const session = await loadSessionConfig(options.session);
  const bundle = await loadBundle(options.policy);
  const robot = await learningRobot(bundle, options.calibration);
  demandLearnable(method, bundle);
  const configured = await METHODS[method].configure(options.config, seed);
  const beginning = beginningOf(bundle, method, configured, robot);
  await demandBeginning(folder, await withoutOwnAdapter(folder, beginning), () => heldIn(folder));
  return { session, bundle, robot, algorithm: configured.open, beginning };
}

/** Who must hear of the link. */
interface Linked {
  /** Gets the link's end as soon as it is open. */
  onPort: (port: LearnerPort) => void;
  /** Hears that another learner serves the robots now. */
  onReplaced: (error: UserError) => void;
}

/** Opens the folder and the link. */
async function open(
  folder: string,
  options: LearnOptions,
  report: Report,
  { onPort, onReplaced }: Linked,
): Promise<OpenLearner> {
  const { note } = report;
  const { method, batch, keys, address = folderAddress(folder) } = options;
  demandKeys(address, keys);
  const { session, bundle, robot, algorithm, beginning } = await settingsOf(folder, options);
  await makeFolder(folder);
  if (options.cores === 'spare') yieldToAll();
  else yieldToControl();

  let received = 0;
  let wake = () => {};
  let add: (episode: HeldEpisode) => void = () => {};
  let known: readonly string[] = [];
  let hearRobots = (names: readonly string[]) => void (known = names);
  const onLabels = (episode: KeptEpisode) => {
    add(episode);
    wake();
  };
  const onEpisode = (episode: KeptEpisode) => {
    received += 1;
    onLabels(episode);
  };
  let isOpen: (opened: OpenLearner) => void = () => undefined;
  const opening = new Promise<OpenLearner>((resolve) => (isOpen = resolve));
  const obey = async (order: FleetOrder) => {
    const { orders, distributor } = await opening;
    return obeyFleet(orders, distributor, order);
  };
  // Only one process can listen there; that one owns the folder's state.
  const port = await openLearnerPort({
    ...{ folder, address, keys, policy: bundle },
    ...{ onEpisode, onLabels, obey, onReplaced },
    onRobots: (names) => hearRobots(names),
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
  const { mostBehind } = METHODS[method];
  const learner = await openLearner({ folder, bundle, joints, algorithm, batch, mostBehind, session }); // prettier-ignore
  await recordBeginning(folder, beginning);
  add = (episode) => learner.add(episode);
  await addKept(learner, folder);
  const onEvent = (event: LearnerEvent) => report.event(event, progressOf({ learner, bundle }));
  const distributor = await openDistributor({
    ...{ folder, port, learner, bundle, batch, tries: options.trial ?? false, onEvent },
  });
  distributor.present(known);
  hearRobots = (names) => {
    distributor.present(names);
    wake();
  };
  const publish = async () => {
    await distributor.follow();
    port.tell(await distributor.status());
  };
  const relabel = (id: string) => addLabelled(learner, folder, id);
  const orders = orderFunctions({ learner, distributor, publish, onEvent, relabel, wake: () => wake() }); // prettier-ignore
  const opened: OpenLearner = {
    ...{ port, learner, distributor, bundle, orders, publish },
    received: () => received,
    arrival: () => new Promise((resolve) => (wake = resolve)),
  };
  isOpen(opened);
  return opened;
}

function progressOf({ learner, bundle }: Pick<OpenLearner, 'learner' | 'bundle'>): LearnerProgress {
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
    await open.publish();
    const events = await learner.advance(open.distributor.isTrying());
    if (events) {
      for (const event of events) report.event(event, progressOf(open));
      await drawCurve(folder);
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
  let endRobots: (() => Promise<void>) | undefined;
  let onReplaced: Linked['onReplaced'] = () => undefined;
  const replaced = new Promise<never>((_, reject) => (onReplaced = reject));
  const work = async () => {
    const onPort = (opened: LearnerPort) => void (port = opened);
    const opened = await open(folder, options, report, { onPort, onReplaced });
    const { orders } = opened;
    surroundings.onOpen?.(orders);
    page =
      surroundings.console &&
      openLearningConsole({
        ...surroundings.console,
        learner: { folder, batch: options.batch, runs: true },
        episodes: [join(folder, 'episodes')],
        answers: orderAnswers(orders),
        onLabel: (id) =>
          void orders.relabelled(id).catch((error: unknown) => report.note(messageOf(error))),
        log: report.note,
      });
    const shown = await page;
    if (shown && isNats(opened.port.address)) {
      const { showRobots } = await import('../nats/fleetTopic.ts');
      const { address } = opened.port;
      endRobots = showRobots(shown, { address, keys: options.keys, log: report.note });
    }
    await learnFromEpisodes(opened, { folder, batch: options.batch, report, signal });
  };
  try {
    await Promise.race([work(), replaced, rejectOnAbort(signal)]);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await endRobots?.();
    await page?.then((opened) => opened.close()).catch(() => undefined);
    await port?.close();
  }
  if (!options.json) report.note('stopped by hand; the same command goes on from here');
  return 'interrupted';
}
