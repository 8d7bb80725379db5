import { basename, resolve } from 'node:path';
import { CONFIG_FILE, WEIGHTS_FILE, loadBundle, writeBundle } from '../policy/bundle/bundle.ts';
import { checkPlace } from '../policy/bundle/bundlePlace.ts';
import type { Precision } from '../policy/bundle/precision.ts';
import { embodimentOf } from '../robot/calibration.ts';
import { loadCalibration } from '../robot/calibrationFile.ts';
import type { Embodiment, JointKind } from '../robot/embodiment.ts';
import { simulatedEmbodiment } from '../sim/embodiment.ts';
import { configFor, familyFiles, sizeOf } from '../policy/families/untrained.ts';
import type { SizeName } from '../policy/families/untrainedNames.ts';
import { type BundleConfig } from '../policy/bundle/config.ts';

export interface CreateOptions {
  seed: number;
  size: SizeName;
  /** Of the robot that it is for; the simulated ALOHA where absent. */
  calibration?: string;
  precision: Precision;
  /** Replace a bundle that is there. */
  force?: boolean;
}

/** Deviation of each joint's positions, rad, m or opening, where there are no demonstrations. */
const SPREAD: Readonly<Record<JointKind, number>> = { arm: 0.3, prismatic: 0.03, gripper: 0.3 };

/** Stands in for statistics of demonstrations: an untrained policy stays near the pose at rest. */
const aroundHome = ({ joints }: Embodiment) => ({
  mean: joints.map(({ home }) => home),
  std: joints.map(({ kind }) => SPREAD[kind]),
});

/** A bundle that was made. */
export interface CreatedBundle {
  name: string;
  version: string;
  files: readonly string[];
}

/** Makes a bundle with random weights for a calibrated robot, or for the simulated ALOHA. */
export async function createBundle(folder: string, options: CreateOptions): Promise<CreatedBundle> {
  const { seed, size, calibration, force = false } = options;
  const robot = calibration
    ? embodimentOf(await loadCalibration(calibration))
    : await simulatedEmbodiment();
  await checkPlace(folder, force, 'folder');
  const moments = aroundHome(robot);
  const made = sizeOf('pi0', size);
  const precision = size === 'mini' ? 'float32' : options.precision;
  const sized = configFor(made, robot);
  const config: BundleConfig = {
    ...sized,
    name: basename(resolve(folder)),
    description: `${made.what(calibration ? robot.name : 'the simulated ALOHA')}, with random weights: it has not learned anything yet.`,
    precision,
    transforms: [{ type: 'meanStd', convention: 'openpi', state: moments, actions: moments }],
  };
  const files = familyFiles();
  await writeBundle(folder, config, files, made.weights(sized.architecture, seed, precision));
  const { name, version } = await loadBundle(folder);
  return { name, version, files: [CONFIG_FILE, WEIGHTS_FILE, ...Object.keys(files)] };
}
