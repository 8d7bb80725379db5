import { basename, resolve } from 'node:path';
import {
  BUNDLE_FILES,
  type BundleConfig,
  loadBundle,
  randomWeights,
  writeBundle,
} from '../policy/bundle.ts';
import { tinyTokenizerJson } from '../policy/tokenizer.ts';
import type { Embodiment } from '../robot/embodiment.ts';
import { simulatedEmbodiment } from '../sim/embodiment.ts';
import { MINI } from './mini.ts';

/** Stands in for statistics of demonstrations: an untrained policy stays near the pose at rest. */
const aroundHome = ({ joints }: Embodiment) => ({
  mean: joints.map(({ home }) => home),
  std: joints.map(() => 0.3),
});

/** Makes a small bundle for the simulated ALOHA with random weights. */
export async function createCommand(folder: string, seed: number): Promise<'done'> {
  const moments = aroundHome(await simulatedEmbodiment());
  const config: BundleConfig = {
    ...MINI,
    name: basename(resolve(folder)),
    description:
      'A small pi0 for the simulated ALOHA, with random weights: it has not learned anything yet.',
    transforms: [{ type: 'meanStd', convention: 'openpi', state: moments, actions: moments }],
  };
  await writeBundle(folder, config, tinyTokenizerJson(), randomWeights(MINI.pi0, seed));
  const bundle = await loadBundle(folder);
  console.log(
    `${folder}: ${bundle.name} ${bundle.version}, ${Object.values(BUNDLE_FILES).join(', ')}`,
  );
  return 'done';
}
