import { writeBundle } from '../../src/policy/bundle/bundle.ts';
import { randomWeights } from '../../src/policy/families/pi0/randomWeights.ts';
import { tinyFiles } from '../../src/policy/paligemma/tokenizer.ts';
import { simulatedEmbodiment } from '../../src/sim/embodiment.ts';
import { tinyBundle } from '../learning/tiny.ts';
import { tinyFast, trainFast, writeTinyFast } from '../learning/tinyFast.ts';

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

/** A tiny π0-FAST for the same robot and camera, which writes chunks that leave the arms about where they are. */
export async function writeTinyFastAloha(folder: string): Promise<void> {
  const { joints } = await simulatedEmbodiment();
  const count = joints.length;
  const home = joints.map(({ home }) => home);
  const side = tinyFast.architecture.vision.imageSize;
  const demonstrations = [-0.2, 0, 0.2].map((value) => ({
    images: new Uint8Array(side * side * 3).fill(100),
    state: Float64Array.from(home),
    actions: Float32Array.from({ length: 50 * count }, (_, i) => value + home[i % count]),
    ...{ steps: 50, prompt: 'Transfer cube', isStart: true },
  }));
  const moments = { mean: home, std: joints.map(() => 1) };
  const config = await writeTinyFast(folder, demonstrations, {
    ...tinyFast,
    ...{ embodiment: 'aloha', cameras: ['cam_high'], executeSteps: 48 },
    architecture: {
      ...tinyFast.architecture,
      ...{ maxTokens: 128, horizon: 50, actionDim: count, stateDim: count },
    },
    transforms: [{ type: 'meanStd', convention: 'openpi', state: moments, actions: moments }],
  });
  await trainFast(folder, config, demonstrations);
}
