import { DEFAULT_EVERY } from '../datasets/dataset.ts';
import { isDataset, openDataset } from '../datasets/openDataset.ts';
import { listEpisodes } from '../episodes/listEpisodes.ts';
import { type Episode, readEpisode } from '../episodes/readEpisode.ts';
import { UserError, invalid } from '../errors.ts';
import {
  type DemonstrationSet,
  type Viewpoint,
  gatherDemonstrations,
} from '../learning/imitation/demonstrations.ts';
import type { BundleConfig } from '../policy/bundle/config.ts';
import { shapeOf } from '../policy/families/registry.ts';
import type { Embodiment } from '../robot/embodiment.ts';
import { type SimTaskName, simTaskFor } from '../sim/taskNames.ts';
import type { TrainingReport } from './report.ts';

type Viewing = Pick<BundleConfig, 'embodiment' | 'cameras' | 'family' | 'architecture'>;

/** How a policy looks at demonstrations. */
export function viewOf(policy: Viewing): Viewpoint {
  const { horizon, images } = shapeOf(policy);
  const { embodiment, cameras } = policy;
  return { embodiment, cameras, horizon, side: images[0].width };
}

/** Demonstrations, and the robot that they are of. */
export type RobotDemonstrations = DemonstrationSet & { embodiment: Embodiment };

/** The task that a policy is evaluated at; by default that of the demonstrations, where it is simulated. */
export function evaluatedTask(
  asked: SimTaskName | undefined,
  { tasks }: Pick<DemonstrationSet, 'tasks'>,
  report: TrainingReport,
): SimTaskName {
  if (asked !== undefined && !(asked in tasks))
    report.line(`evaluations are of ${asked}, these episodes of ${Object.keys(tasks).join(', ')}`);
  return simTaskFor(asked, tasks);
}

/** Episodes to learn from, by name or path. */
interface Source {
  names: string[];
  read: (name: string) => Promise<Episode>;
  close: () => Promise<void>;
}

async function openSource(
  folder: string,
  calibration: string | undefined,
  report: TrainingReport,
): Promise<Source> {
  if (await isDataset(folder)) {
    const dataset = await openDataset(folder, { calibration, every: DEFAULT_EVERY });
    for (const note of dataset.notes) report.line(note);
    const { episodes: names } = dataset;
    return { names, read: (name) => dataset.read(name), close: () => dataset.close() };
  }
  const names = (await listEpisodes(folder)).map(({ path }) => path);
  return { names, read: readEpisode, close: () => Promise.resolve() };
}

/**
 * The demonstrations in a folder of episodes, or in a data set of another project. Episodes that are left out are
 * named with the reason. Throws a `UserError` if nothing is left.
 */
export async function demonstrationsIn(
  folder: string,
  view: Parameters<typeof gatherDemonstrations>[2],
  report: TrainingReport,
  calibration?: string,
): Promise<RobotDemonstrations> {
  const { names, read, close } = await openSource(folder, calibration, report);
  try {
    if (names.length === 0)
      throw new UserError(`${folder}: no episodes there. npx nalu demos ${folder} records some`, {
        kind: 'missing',
        subject: folder,
      });
    const set = await gatherDemonstrations(names, read, view, (done) => {
      report.live(`reading episodes ${done}/${names.length}`);
    });
    for (const { path, reason } of set.leftOut) report.line(`left out ${path}: ${reason}`);
    if (set.leftOut.length > 0)
      report.line(`left out ${set.leftOut.length} of ${names.length} episodes`);
    const { embodiment } = set;
    if (!embodiment || set.demonstrations.length === 0)
      throw invalid(folder, `none of its ${names.length} episodes can be learned from`);
    report.line(`${set.demonstrations.length} observations of ${set.episodes} episodes`);
    return { ...set, embodiment };
  } finally {
    await close();
  }
}
