import { join } from 'node:path';
import { episodeFile } from '../episodes/files.ts';
import { listEpisodes } from '../episodes/listEpisodes.ts';
import { adaptationCurve, readCurve } from '../adapting/curve.ts';
import { isThere } from '../files/isThere.ts';
import {
  type Beginning,
  demandBeginning,
  fpoBeginning,
  recordBeginning,
} from '../learning/begun.ts';
import { type FpoConfig, loadFpoConfig } from '../learning/fpo/config.ts';
import {
  LOG,
  type LearnerEvent,
  baseIn,
  openLearner,
  withoutOwnAdapter,
} from '../learning/learner.ts';
import { demandKeys, folderAddress } from '../link/wire/address.ts';
import { type LearnerPort, openLearnerPort } from '../link/learner/learnerPort.ts';
import { makeFolder } from '../files/makeFolder.ts';
import { loadSessionConfig } from '../session/session.ts';
import { adapterVersion } from '../policy/bundle/adapter.ts';
import { loadBundle } from '../policy/bundle/bundle.ts';
import { yieldToAll, yieldToControl } from '../processes/priority.ts';
import { type Calibration } from '../robot/calibration.ts';
import { writeWhole } from '../files/writeWhole.ts';
import { interruption } from './interruption.ts';
import { describeEvent, timeLeft } from '../learning/learnReport.ts';
import type { LearnerProgress } from '../adapting/learnerProcess.ts';
import { untilAborted } from './untilAborted.ts';
import { clearLine } from '../terminal/speaker.ts';
import { type Bundle } from '../policy/bundle/config.ts';
import { loadCalibration } from '../robot/calibrationFile.ts';

export interface LearnOptions {
  /** Spare ones: those that nothing else wants. */
  cores: 'spare' | 'shared';
  policy: string;
  calibration: string;
  config?: string;
  batch: number;
  seed: number;
  address?: string;
  keys?: string;
  session?: string;
  json?: boolean;
}

/** As a child with a channel to its owner it ends with that one; a kill at any moment loses nothing. */
function endWithOwner(): void {
  const end = () => process.exit();
  process.on('disconnect', end);
  process.channel?.unref();
  // The owner may have ended before this was heard.
  if (process.connected === false) end();
}

/** What all of a folder's runs have in common. */
const beginningOf = (
  bundle: Bundle,
  config: FpoConfig,
  { name, joints }: Calibration,
): Beginning => ({
  command: 'learn',
  ...fpoBeginning(bundle, config),
  embodiment: { name, joints: joints.map((joint) => joint.name) },
});

/** What can be seen in a folder without a record of what it was begun with. */
async function heldIn(folder: string): Promise<Beginning> {
  const isAdaptations = await isThere(join(folder, 'runtime', 'episodes'));
  return { ...(isAdaptations && { command: 'adapt' }), policy: await baseIn(folder) };
}

/**
 * The learner: takes episodes over the link, makes new versions of the policy from them, and sends each
 * that passes the gate to the robot. Goes on from its folder after a kill; see `nalu learn --help`.
 */
export async function learnCommand(
  folder: string,
  options: LearnOptions,
): Promise<'done' | 'interrupted'> {
  endWithOwner();
  const { json } = options;
  const signal = interruption();
  const say = (line: string) => {
    if (process.stdout.isTTY && !json) clearLine(process.stdout);
    (json ? process.stderr : process.stdout).write(`${line}\n`);
  };
  let port: LearnerPort | undefined;
  const opened = (one: LearnerPort) => (port = one);
  try {
    await Promise.race([learn(folder, options, say, opened, signal), untilAborted(signal)]);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await port?.close();
  }
  if (!json) say('stopped by hand; the same command goes on from here');
  // An update that is under way is left: it is made again, to the same numbers.
  setImmediate(() => process.exit());
  return 'interrupted';
}

/** Learns until `signal` aborts; `opened` hears of the link's end, which its caller closes. */
async function learn(
  folder: string,
  options: LearnOptions,
  say: (line: string) => void,
  opened: (port: LearnerPort) => void,
  signal: AbortSignal,
): Promise<void> {
  const { batch, seed, json, keys, address = folderAddress(folder) } = options;
  demandKeys(address, keys);
  const session = await loadSessionConfig(options.session);
  const bundle = await loadBundle(options.policy);
  const calibration = await loadCalibration(options.calibration);
  const config = await loadFpoConfig(options.config, seed);
  const beginning = beginningOf(bundle, config, calibration);
  await demandBeginning(folder, await withoutOwnAdapter(folder, beginning), () => heldIn(folder));
  await makeFolder(folder);
  if (options.cores === 'spare') yieldToAll();
  else yieldToControl();

  const began = performance.now();
  let received = 0;
  let wake = () => {};
  let heard: (path: string) => void = () => {};
  const hear = ({ path }: { path: string }) => {
    received += 1;
    heard(path);
    wake();
  };
  // Only one process can listen there: who does has the folder's state for itself.
  const port = await openLearnerPort({
    folder,
    address,
    keys,
    policy: bundle,
    onEpisode: hear,
    log: say,
  });
  opened(port);
  // A line that was cut off is told of once.
  await readCurve(join(folder, LOG), say);
  const joints = calibration.joints.length;
  const learner = await openLearner({ folder, bundle, joints, config, batch, session });
  await recordBeginning(folder, beginning);
  heard = (path) => learner.add({ id: episodeFile(path)!.id, path });

  /** The first version is that of the bundle itself: it goes out only where one is taken back to it. */
  const isOut = () => learner.versions().length > 1;
  const publish = async () => {
    const { file, parent } = learner.current();
    const first = learner.versions()[0].version;
    const known = parent === null || parent === first ? adapterVersion(bundle) : parent;
    if (isOut()) await port.publish(file, known);
  };
  const progress = (): LearnerProgress => ({
    consumed: learner.consumed(),
    current: isOut() ? learner.current().version : bundle.version,
  });
  const tell = (event: LearnerEvent) => {
    if (json) console.log(JSON.stringify({ ...event, ...progress() }));
    else say(describeEvent(event));
  };

  for (const { path, id } of await listEpisodes(join(folder, 'episodes')))
    learner.add({ id, path });
  await publish();
  if (json) console.log(JSON.stringify({ event: 'ready', address: port.address, ...progress() }));
  else say(`Learning from episodes that come over ${port.address}, ${batch} an update.`);

  while (!signal.aborted) {
    const events = await learner.advance();
    if (events) {
      await publish();
      events.forEach(tell);
      const curve = adaptationCurve(await readCurve(join(folder, LOG)));
      await writeWhole(join(folder, 'curve.svg'), curve);
      continue;
    }
    if (process.stdout.isTTY && !json) {
      clearLine(process.stdout);
      const seconds = (performance.now() - began) / 1000;
      process.stdout.write(timeLeft(learner.waiting(), batch, seconds, received));
    }
    await new Promise<void>((resolve) => (wake = resolve));
  }
}
