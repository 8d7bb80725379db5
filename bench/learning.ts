import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readEpisode } from '../src/episodes/readEpisode.ts';
import { fpoSchema } from '../src/learning/fpo/config.ts';
import { fpo } from '../src/learning/fpo/fpo.ts';
import { gatherRollouts, openRolloutEncoder } from '../src/learning/attempts/rollouts.ts';
import { sessionConfigSchema } from '../src/session/session.ts';
import { packagePath } from '../src/files/packagePath.ts';
import { loadBundle } from '../src/policy/bundle/bundle.ts';
import type { Trainable } from '../src/policy/trainable.ts';
import { exploredEpisodes } from './exploredEpisodes.ts';
import type { Row } from './row.ts';
import { type Bundle } from '../src/policy/bundle/config.ts';

const EPISODES = 64;
const TRAINABLE: Trainable = { parameters: 'expert' };

/** An update of one epoch, from the episodes' files on, against the time that they took. */
async function updateRows(
  bundle: Bundle,
  paths: readonly string[],
  seconds: number,
): Promise<Row[]> {
  const session = sessionConfigSchema.parse({});
  const { joints } = (await readEpisode(paths[0])).header.embodiment;
  const config = fpoSchema.parse({
    ...{ trainable: TRAINABLE, seed: 0, epochs: 1 },
    ...{ critics: { warmUp: 0 }, trustRegion: { maxKl: 1e9, maxClipFraction: 1 } },
  });
  const encoder = await openRolloutEncoder(bundle, session);
  const algorithm = await fpo(config)({ bundle, joints: joints.length, session });
  const began = performance.now();
  const { rollouts, leftOut } = await gatherRollouts(paths, readEpisode, encoder);
  if (leftOut.length > 0) throw new Error(leftOut[0].reason);
  const read = (performance.now() - began) / 1000;
  await algorithm.update(rollouts);
  const whole = (performance.now() - began) / 1000;
  await algorithm.close();
  await encoder.close();
  return [
    { name: `${EPISODES} episodes, in their own time`, value: seconds, unit: 's' },
    { name: 'update of one whole epoch, from their files on', value: whole, unit: 's' },
    { name: '  of it reading and encoding', value: read, unit: 's' },
    {
      ...{ name: '  of the time that they took', value: (100 * whole) / seconds, unit: '%' },
      ...{ target: 33.3, better: 'less' as const },
    },
  ];
}

/** What learning on the robot's own computer costs in time; for the control loop's punctuality see control.ts. */
export async function benchLearning(): Promise<Row[]> {
  const bundle = await loadBundle(packagePath('models/aloha-mini'));
  const folder = await mkdtemp(join(tmpdir(), 'nalu-bench-'));
  try {
    const { paths, seconds } = await exploredEpisodes(folder, bundle, TRAINABLE, EPISODES);
    return await updateRows(bundle, paths, seconds);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
