import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { episodeFile } from '../episodes/files.ts';
import { listEpisodes } from '../episodes/listEpisodes.ts';
import { adaptationCurve, readCurve } from '../learning/adaptationCurve.ts';
import { loadFpoConfig } from '../learning/fpoConfig.ts';
import { LOG, type LearnerEvent, openLearner } from '../learning/learner.ts';
import { folderAddress } from '../link/address.ts';
import { openLearnerPort } from '../link/learnerPort.ts';
import { loadSessionConfig } from '../onnx/session.ts';
import { adapterVersion } from '../policy/adapter.ts';
import { loadBundle } from '../policy/bundle.ts';
import { yieldToAll, yieldToControl } from '../priority.ts';
import { loadCalibration } from '../robot/calibration.ts';
import { interruption } from './interruption.ts';
import { describeEvent, timeLeft } from './learnReport.ts';
import type { LearnerProgress } from './learnerProcess.ts';
import { clearLine } from './progress.ts';

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

/**
 * The learner: takes episodes over the link, makes new versions of the policy from them, and sends each
 * that passes the gate to the robot. Goes on from its folder after a kill; see `nalu learn --help`.
 */
export async function learnCommand(
  folder: string,
  options: LearnOptions,
): Promise<'done' | 'interrupted'> {
  endWithOwner();
  const { batch, seed, json, keys } = options;
  const signal = interruption();
  const session = await loadSessionConfig(options.session);
  const bundle = await loadBundle(options.policy);
  const { joints } = await loadCalibration(options.calibration);
  const config = await loadFpoConfig(options.config, seed);
  if (options.cores === 'spare') yieldToAll();
  else yieldToControl();
  await mkdir(folder, { recursive: true });
  const say = (line: string) => {
    if (process.stdout.isTTY && !json) clearLine(process.stdout);
    (json ? process.stderr : process.stdout).write(`${line}\n`);
  };

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
    address: options.address ?? folderAddress(folder),
    keys,
    policy: bundle,
    onEpisode: hear,
    log: say,
  });
  signal.addEventListener('abort', () => wake());
  const learner = await openLearner({
    folder,
    bundle,
    joints: joints.length,
    config,
    batch,
    session,
  }).catch(async (error: unknown) => {
    await port.close();
    throw error;
  });
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

  try {
    while (!signal.aborted) {
      const events = await learner.advance();
      if (events) {
        await publish();
        events.forEach(tell);
        const curve = adaptationCurve(await readCurve(join(folder, LOG)));
        await writeFile(join(folder, 'curve.svg'), curve);
        continue;
      }
      if (process.stdout.isTTY && !json) {
        clearLine(process.stdout);
        const seconds = (performance.now() - began) / 1000;
        process.stdout.write(timeLeft(learner.waiting(), batch, seconds, received));
      }
      await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    await port.close();
    await learner.close();
  }
  if (!json) say('stopped by hand; the same command goes on from here');
  return 'interrupted';
}
