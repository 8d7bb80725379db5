import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { openRolloutPool } from '../src/commands/rolloutPool.ts';
import { readEpisode } from '../src/episodes/readEpisode.ts';
import { fpoSchema } from '../src/learning/fpoConfig.ts';
import { initialFpoState, openFpo } from '../src/learning/fpoUpdate.ts';
import { gatherRollouts, openRolloutEncoder } from '../src/learning/rollouts.ts';
import { sessionConfigSchema } from '../src/onnx/session.ts';
import { packagePath } from '../src/packagePath.ts';
import { type Bundle, loadBundle } from '../src/policy/bundle.ts';
import { explorationSchema } from '../src/policy/exploration.ts';
import type { Trainable } from '../src/policy/trainable.ts';
import { tickRows } from './learningTicks.ts';
import type { Row } from './row.ts';

const EPISODES = 64;
/** Episodes of the learner that trains beside the control loop: soon read. */
const FEW = 8;
const CONTROL_RATE = 50;
const TRAINABLE: Trainable = { parameters: 'expert' };

/** Explored attempts of a policy, recorded: their files, and the seconds that they took in their own time. */
async function record(folder: string, bundle: Bundle) {
  const exploration = explorationSchema.parse({});
  const pool = openRolloutPool(
    { policy: bundle.folder, task: 'transfer-cube', trainable: TRAINABLE },
    availableParallelism(),
  );
  const paths: string[] = [];
  let steps = 0;
  const attempts = Array.from({ length: EPISODES }, (_, seed) => ({
    ...{ seed, exploration },
    record: { folder, id: `attempt-${seed}` },
  }));
  try {
    await pool.run(attempts, (result) => {
      paths.push(result.episode!);
      steps += result.steps;
      process.stderr.write(`\r  attempt ${paths.length} of ${EPISODES}`);
    });
  } finally {
    process.stderr.write('\r\u001b[K');
    await pool.close();
  }
  return { paths, seconds: steps / CONTROL_RATE };
}

/** An update of one epoch, from the episodes' files on, against the time that they took. */
async function updateRows(bundle: Bundle, paths: readonly string[], seconds: number) {
  const session = sessionConfigSchema.parse({});
  const { joints } = (await readEpisode(paths[0])).header.embodiment;
  const config = fpoSchema.parse({
    ...{ trainable: TRAINABLE, seed: 0, epochs: 1 },
    ...{ critics: { warmUp: 0 }, stop: { drift: 1e9, clipShare: 1 } },
  });
  const encoder = await openRolloutEncoder(bundle, session);
  const state = await initialFpoState(bundle, config);
  const fpo = await openFpo(bundle, joints.length, config, state, session);
  const began = performance.now();
  const { rollouts, leftOut } = await gatherRollouts(paths, readEpisode, encoder);
  if (leftOut.length > 0) throw new Error(leftOut[0].reason);
  const read = (performance.now() - began) / 1000;
  await fpo.update(rollouts);
  const whole = (performance.now() - began) / 1000;
  await fpo.close();
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

/** What learning on the robot's own computer costs: time for an update, and the control loop's punctuality. */
export async function benchLearning(): Promise<Row[]> {
  const bundle = await loadBundle(packagePath('models/aloha-mini'));
  const folder = await mkdtemp(join(tmpdir(), 'nalu-bench-'));
  try {
    const { paths, seconds } = await record(join(folder, 'episodes'), bundle);
    const rows: Row[] = await updateRows(bundle, paths, seconds);
    const learner = join(folder, 'learner');
    await mkdir(join(learner, 'episodes'), { recursive: true });
    for (const path of paths.slice(0, FEW))
      await cp(path, join(learner, 'episodes', basename(path)));
    return [...rows, ...(await tickRows(learner, bundle, TRAINABLE, FEW))];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
