import { UserError } from '../errors.ts';
import { simulatedAloha } from '../sim/simulatedAloha.ts';
import { formatOf, snapshot } from '../sim/snapshot.ts';
import type { SimTaskName } from '../sim/tasks.ts';
import { checkOutputFile } from './outputFile.ts';

export interface SnapshotOptions {
  task: SimTaskName;
  seed: number;
  scene?: string;
  drawGroups?: readonly number[];
  /** Whether a file that is there may be replaced. */
  force: boolean;
}

/** Writes what all named cameras of the simulated robot's scene see at a seed; see `nalu sim --help`. */
export async function snapshotCommand(
  file: string,
  { task, seed, scene, drawGroups, force }: SnapshotOptions,
): Promise<'done'> {
  formatOf(file);
  await checkOutputFile(file, force);
  const sim = await simulatedAloha({ task, scene, drawnGroups: drawGroups, cameras: [] });
  try {
    await sim.reset(seed);
    if (sim.sceneCameras.length === 0)
      throw new UserError(`Scene ${scene} names no camera to look through; name one in the MJCF`);
    await snapshot(sim, sim.sceneCameras, file);
    console.log(`${file}: ${sim.sceneCameras.join(', ')}`);
  } finally {
    await sim.close();
  }
  return 'done';
}
