import { basename, dirname, resolve } from 'node:path';
import { UserError } from '../../errors.ts';
import type { EpisodeHeader, EpisodeResult } from '../../episodes/episode.ts';
import { type Calibration, embodimentOf, sizeSeen } from '../../robot/calibration.ts';
import { loadCalibration } from '../../robot/calibrationFile.ts';
import { type Embodiment, controlPeriod } from '../../robot/embodiment.ts';
import type { CameraFrame } from '../../robot/robot.ts';
import { type Bag, newestAt, openBag } from '../../topics/bags/bag.ts';
import type { Recorded } from '../../topics/bags/motion.ts';
import { frameOf } from '../../topics/images.ts';
import type { Dataset, ReadOptions } from '../dataset.ts';
import { type ForeignRows, episodeOf } from '../episodeOf.ts';
import { checkWithin, unknownRobot } from '../robotOf.ts';
import { bagName, bagsIn } from './bagsIn.ts';
import { type Demonstration, demonstrationIn, wantedOf } from './demonstration.ts';
import type { View } from './sources.ts';
import { stepsOf } from './steps.ts';

/** A camera's newest image at a step, decoded when its pixels are asked for. */
function frameAt({ camera, topic, images }: View, step: bigint, path: string): CameraFrame {
  const image = newestAt(images, step)!;
  const pixels = async () => {
    try {
      return await frameOf(await image.read(), camera).pixels();
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      throw new UserError(`${path}: ${topic}: ${error.message}`, {
        cause: error,
        kind: 'invalid',
        subject: path,
      });
    }
  };
  return { camera: camera.name, stamp: image.stamp, ...sizeSeen(camera), pixels };
}

/** A demonstration as the loop would have seen it: at each control step the newest that there is. */
function rowsOf(
  shown: Demonstration,
  steps: bigint[],
  { robot, every, path }: { robot: Embodiment; every: number; path: string },
): ForeignRows {
  const vectors = (recorded: readonly Recorded[], what: string, reach: bigint) =>
    steps.map((step) => {
      const { position } = newestAt(recorded, step + reach)!;
      const after = Number(step - steps[0]) / 1e9;
      checkWithin(robot, position, () => `${path}: ${what}, ${after.toFixed(2)} s`);
      return position;
    });
  const observed = steps.map((_, row) => row).filter((row) => row % every === 0);
  return {
    jointStamps: steps,
    commandStamps: steps,
    states: vectors(shown.states, 'joint states', 0n),
    actions: vectors(shown.actions, shown.actionsFrom, shown.reach),
    policyVersions: steps.map(() => 'demonstration'),
    observations: observed.map((row) => ({
      row,
      frames: shown.views.map((view) => frameAt(view, steps[row], path)),
    })),
  };
}

/** Bags by the ids of their episodes. Throws a `UserError` where two have the same name. */
function byName(paths: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const path of paths) {
    const id = bagName(path);
    const same = found.get(id);
    if (same !== undefined)
      throw new UserError(`${same} and ${path} would be one episode, ${id}; rename one of them`, {
        kind: 'invalid',
        subject: path,
        fields: [same],
      });
    found.set(id, path);
  }
  return found;
}

/** The task of bags: the name of the folder that they are in, with the calibration's prompt if it has one. */
function taskOf(folder: string, bags: readonly string[], { tasks }: Calibration) {
  const isOne = bags.length === 1 && bags[0] === folder;
  const task = basename(isOne ? dirname(resolve(folder)) : resolve(folder));
  return { task, prompt: tasks?.[task] ?? task.replaceAll(/[_-]+/g, ' ').trim() };
}

/**
 * Opens a bag of rosbag2 (MCAP or SQLite), or a folder of bags, of a teleoperated robot: each is an episode. Throws a
 * `UserError` that names file and topic.
 */
export async function openBags(folder: string, options: ReadOptions): Promise<Dataset> {
  if (options.calibration === undefined) throw unknownRobot(folder);
  const calibration = await loadCalibration(options.calibration);
  const robot = embodimentOf(calibration);
  const paths = await bagsIn(folder);
  const bags = byName(paths);
  const named = taskOf(folder, paths, calibration);
  let bag: Bag | undefined;
  return {
    ...{ episodes: [...bags.keys()], embodiment: robot },
    notes: [
      `the bags name no task: it is taken from the folder's name, "${named.prompt}"`,
      'the bags say nothing of success: every episode counts as one',
    ],
    async read(id) {
      const path = bags.get(id)!;
      await bag?.close();
      bag = undefined;
      bag = await openBag(path, wantedOf(calibration));
      const shown = await demonstrationIn(bag, calibration, path);
      const steps = stepsOf(shown, controlPeriod(robot), path);
      const rows = rowsOf(shown, steps, { robot, every: options.every, path });
      const header: EpisodeHeader = { id, embodiment: robot, ...named, policy: 'demonstration' };
      const result: EpisodeResult = {
        ...{ outcome: 'success', reward: 1, stagedReward: 1, steps: steps.length },
      };
      return episodeOf(path, header, result, rows);
    },
    async close() {
      await bag?.close();
    },
  };
}
