import { basename, resolve } from 'node:path';
import type { TensorSource } from '../tensors/safetensors.ts';
import { BUNDLE_FILES, loadBundle, writeBundle } from '../policy/bundle/bundle.ts';
import { checkPlace } from '../policy/bundle/bundleFiles.ts';
import type { Precision } from '../policy/bundle/precision.ts';
import { largeRandomWeights, randomWeights } from '../policy/families/pi0/randomWeights.ts';
import { tinyTokenizerJson } from '../policy/families/pi0/tokenizer.ts';
import type { Embodiment } from '../robot/embodiment.ts';
import { simulatedEmbodiment } from '../sim/embodiment.ts';
import { FULL } from './full.ts';
import { MINI } from './mini.ts';
import { type BundleConfig } from '../policy/bundle/config.ts';

export interface CreateOptions {
  seed: number;
  size: 'mini' | 'full';
  precision: Precision;
  /** Replace a bundle that is there. */
  force?: boolean;
}

/** Stands in for statistics of demonstrations: an untrained policy stays near the pose at rest. */
const aroundHome = ({ joints }: Embodiment) => ({
  mean: joints.map(({ home }) => home),
  std: joints.map(() => 0.3),
});

type Size = Omit<BundleConfig, 'name' | 'description' | 'transforms' | 'precision'>;

/** What is made of each size. */
const SIZES: Record<
  CreateOptions['size'],
  { what: string; config: Size; weights: (options: CreateOptions) => TensorSource[] }
> = {
  mini: {
    what: 'A small pi0 for the simulated ALOHA',
    config: MINI,
    weights: ({ seed }) => randomWeights(MINI.architecture, seed),
  },
  full: {
    what: 'A pi0 of the published size',
    config: FULL,
    weights: ({ seed, precision }) => largeRandomWeights(FULL.architecture, seed, precision),
  },
};

/** A bundle that was made. */
export interface CreatedBundle {
  name: string;
  version: string;
  files: readonly string[];
}

/** Makes a bundle for the simulated ALOHA with random weights. */
export async function createBundle(folder: string, options: CreateOptions): Promise<CreatedBundle> {
  await checkPlace(folder, options.force ?? false, 'folder');
  const moments = aroundHome(await simulatedEmbodiment());
  const { what, config: size, weights } = SIZES[options.size];
  const config: BundleConfig = {
    ...size,
    name: basename(resolve(folder)),
    description: `${what}, with random weights: it has not learned anything yet.`,
    precision: options.size === 'mini' ? 'float32' : options.precision,
    transforms: [{ type: 'meanStd', convention: 'openpi', state: moments, actions: moments }],
  };
  await writeBundle(folder, config, tinyTokenizerJson(), weights(options));
  const { name, version } = await loadBundle(folder);
  return { name, version, files: Object.values(BUNDLE_FILES) };
}
