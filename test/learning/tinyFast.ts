import { writeBundle } from '../../src/policy/bundle/bundle.ts';
import type { BundleConfig } from '../../src/policy/bundle/config.ts';
import type { FastConfig } from '../../src/policy/families/pi0-fast/config.ts';
import { fittedFast } from '../../src/policy/families/pi0-fast/fitted.ts';
import { MINI } from '../../src/policy/families/pi0-fast/mini.ts';
import { FAST_SIZES } from '../../src/policy/families/pi0-fast/sizes.ts';
import { tinyFiles } from '../../src/policy/paligemma/tokenizer.ts';
import type { Demonstration } from '../../src/learning/imitation/demonstrations.ts';
import { openImitation } from '../../src/learning/imitation/imitation.ts';
import { imitationSchema } from '../../src/learning/imitation/teaching.ts';
import { sessionConfigSchema } from '../../src/session/session.ts';
import { replaceWeights } from '../../src/training/replaceWeights.ts';
import { takeSteps } from './takeSteps.ts';
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
  policy = tinyFast,
): Promise<BundleConfig<FastConfig>> {
  const { architecture, files } = fittedFast(policy.architecture, demonstrations.map(({ actions }) => actions)); // prettier-ignore
  const config = { ...policy, architecture };
  const weights = FAST_SIZES.mini.weights(architecture, 0, 'float32');
  await writeBundle(folder, config, { ...tinyFiles(), ...files }, weights);
  return config;
}

/** Trains one on demonstrations for a second, so that it writes chunks near theirs. */
export async function trainFast(
  folder: string,
  bundle: BundleConfig<FastConfig>,
  demonstrations: readonly Demonstration[],
): Promise<void> {
  const steps = 80;
  const settings = imitationSchema.parse({
    ...{ trainable: { parameters: 'all' }, batch: 8, samples: 1, augment: false, seed: 3 },
    optimiser: { rate: 1e-2, finalRate: 1e-3, warmUp: 5, steps, averageDecay: 0.9 },
  });
  const session = sessionConfigSchema.parse({ threads: 1 });
  const run = await openImitation({ folder, bundle, settings, demonstrations: [...demonstrations], session }); // prettier-ignore
  try {
    await takeSteps(run, steps);
    await replaceWeights(folder, [...run.averaged()].map(([name, tensor]) => ({ name, ...tensor }))); // prettier-ignore
  } finally {
    await run.close();
  }
}
