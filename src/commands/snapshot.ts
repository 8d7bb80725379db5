import { simulatedAloha } from '../sim/simulatedAloha.ts';
import { formatOf, snapshot } from '../sim/snapshot.ts';
import type { SimTaskName } from '../sim/tasks.ts';
import { checkOutputFile } from './outputFile.ts';

export interface SnapshotOptions {
  task: SimTaskName;
  seed: number;
  scene?: string;
  /** Whether a file that is there may be replaced. */
  force: boolean;
}

/** Writes what the simulated robot's cameras see at a seed; see `nalu sim --help`. */
export async function snapshotCommand(
  file: string,
  { task, seed, scene, force }: SnapshotOptions,
): Promise<'done'> {
  formatOf(file);
  await checkOutputFile(file, force);
  const sim = await simulatedAloha({ task, scene });
  try {
    await sim.reset(seed);
    const cameras = sim.embodiment.cameras.map(({ name }) => name);
    await snapshot(sim, cameras, file);
    console.log(`${file}: ${cameras.join(', ')}`);
  } finally {
    await sim.close();
  }
  return 'done';
}
