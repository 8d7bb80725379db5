import { writeBundle } from '../../src/policy/bundle/bundle.ts';
import { randomWeights } from '../../src/policy/families/pi0/randomWeights.ts';
import { tinyFiles } from '../../src/policy/paligemma/tokenizer.ts';
import { simulatedEmbodiment } from '../../src/sim/embodiment.ts';
import { tinyBundle } from '../learning/tiny.ts';

/** A policy of a few thousand random weights for the simulated ALOHA and one of its cameras. */
export async function writeTinyAloha(folder: string, seed = 0): Promise<void> {
  const { joints } = await simulatedEmbodiment();
  const count = joints.length;
  const moments = { mean: joints.map(({ home }) => home), std: joints.map(() => 0.1) };
  const pi0 = { ...tinyBundle.architecture, horizon: 50, actionDim: count, stateDim: count };
  await writeBundle(
    folder,
    {
      ...tinyBundle,
      embodiment: 'aloha',
      cameras: ['cam_high'],
      executeSteps: 48,
      architecture: pi0,
      transforms: [{ type: 'meanStd', convention: 'openpi', state: moments, actions: moments }],
    },
    tinyFiles(),
    randomWeights(pi0, seed),
  );
}
