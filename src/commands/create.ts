import { BUNDLE_FILES, createBundle, loadBundle } from '../policy/bundle.ts';
import { TINY_VOCABULARY, tinyTokenizerJson } from '../policy/tokenizer.ts';
import type { Embodiment } from '../robot/embodiment.ts';
import { simulatedEmbodiment } from '../sim/embodiment.ts';
import type { BundleConfig } from '../policy/bundle.ts';

/** Stands in for statistics of demonstrations: an untrained policy stays near the pose at rest. */
const aroundHome = ({ joints }: Embodiment) => ({
  mean: joints.map(({ home }) => home),
  std: joints.map(() => 0.3),
});

/** About two million parameters: it learns and samples on a CPU. */
const MINI: Omit<BundleConfig, 'transforms'> = {
  format: 1,
  name: 'aloha-mini',
  description:
    'A small pi0 for the simulated ALOHA, with random weights: it has not learned anything yet.',
  embodiment: 'aloha',
  cameras: ['cam_high', 'cam_left_wrist', 'cam_right_wrist'],
  steps: 10,
  pi0: {
    vision: { width: 128, depth: 4, mlp: 512, heads: 4, patch: 16, imageSize: 96 },
    language: {
      width: 128,
      depth: 4,
      mlp: 256,
      heads: 4,
      kvHeads: 1,
      headDim: 32,
      vocabulary: TINY_VOCABULARY,
    },
    expert: { width: 128, depth: 4, mlp: 256, heads: 4, kvHeads: 1, headDim: 32 },
    maxTokens: 24,
    horizon: 50,
    actionDim: 14,
    stateDim: 14,
    minPeriod: 4e-3,
    maxPeriod: 4,
  },
};

/** Makes a small bundle for the simulated ALOHA with random weights. */
export async function createCommand(folder: string, seed: number): Promise<'done'> {
  const moments = aroundHome(await simulatedEmbodiment());
  const transforms: BundleConfig['transforms'] = [
    { type: 'meanStd', convention: 'openpi', state: moments, actions: moments },
  ];
  await createBundle(folder, { ...MINI, transforms }, tinyTokenizerJson(), seed);
  const bundle = await loadBundle(folder);
  console.log(
    `${folder}: ${bundle.name} ${bundle.version}, ${Object.values(BUNDLE_FILES).join(', ')}`,
  );
  return 'done';
}
