import { writeBundle } from '../../src/policy/bundle/bundle.ts';
import type { BundleConfig } from '../../src/policy/bundle/config.ts';
import type { FastConfig } from '../../src/policy/families/pi0-fast/config.ts';
import { fittedFast } from '../../src/policy/families/pi0-fast/fitted.ts';
import { MINI } from '../../src/policy/families/pi0-fast/mini.ts';
import { FAST_SIZES } from '../../src/policy/families/pi0-fast/sizes.ts';
import { tinyFiles } from '../../src/policy/paligemma/tokenizer.ts';
import type { Demonstration } from '../../src/learning/imitation/demonstrations.ts';
import { tinyBundle } from './tiny.ts';

/** A π0-FAST of a few thousand weights for the robot of `tinyBundle`, not yet fitted to chunks. */
export const tinyFast: BundleConfig<FastConfig> = {
  ...{ ...tinyBundle, integration: undefined },
  family: 'pi0-fast',
  architecture: {
    ...MINI.architecture,
    vision: tinyBundle.architecture.vision,
    language: { ...tinyBundle.architecture.language, width: 32 },
    maxTokens: 64,
    horizon: 4,
    actionDim: 3,
    stateDim: 3,
    fast: { ...MINI.architecture.fast, vocabulary: 280 },
  },
};

/** Writes one of random weights, fitted to demonstrations, whose numbers it takes as they are. */
export async function writeTinyFast(
  folder: string,
  demonstrations: readonly Demonstration[],
): Promise<BundleConfig<FastConfig>> {
  const { architecture, files } = fittedFast(tinyFast.architecture, demonstrations.map(({ actions }) => actions)); // prettier-ignore
  const config = { ...tinyFast, architecture };
  const weights = FAST_SIZES.mini.weights(architecture, 0, 'float32');
  await writeBundle(folder, config, { ...tinyFiles(), ...files }, weights);
  return config;
}
