import type { Pi0Config } from '../../src/policy/families/pi0/config.ts';
import { writeBundle } from '../../src/policy/bundle/bundle.ts';
import { randomWeights } from '../../src/policy/families/pi0/randomWeights.ts';
import { TINY_VOCABULARY, tinyFiles } from '../../src/policy/paligemma/tokenizer.ts';
import type { Demonstration } from '../../src/learning/imitation/demonstrations.ts';
import { uniformNumbers } from '../../src/tensors/noise.ts';
import { type BundleConfig } from '../../src/policy/bundle/config.ts';

const JOINTS = 3;
const SIDE = 8;

/** A π0 of a few thousand weights for a robot of three joints and two cameras. */
export const tinyBundle: BundleConfig<Pi0Config> = {
  format: 1,
  name: 'tiny',
  description: 'for tests',
  embodiment: 'tiny',
  cameras: ['cam_high', 'cam_wrist'],
  integration: { steps: 4, solver: 'euler' },
  executeSteps: 2,
  precision: 'float32',
  family: 'pi0',
  architecture: {
    variant: 'pi0',
    vision: { width: 16, depth: 1, mlp: 32, heads: 2, patch: 4, imageSize: SIDE },
    language: {
      width: 16,
      depth: 2,
      mlp: 32,
      heads: 2,
      kvHeads: 1,
      headDim: 8,
      vocabulary: TINY_VOCABULARY,
    },
    expert: { width: 24, depth: 2, mlp: 32, heads: 2, kvHeads: 1, headDim: 8 },
    maxTokens: 8,
    horizon: 4,
    actionDim: JOINTS,
    stateDim: JOINTS,
    minPeriod: 4e-3,
    maxPeriod: 4,
  },
  transforms: [],
};

/** The same as a π0.5, whose prompt has room for the state. */
export const tinyPi05: BundleConfig<Pi0Config> = {
  ...tinyBundle,
  architecture: { ...tinyBundle.architecture, variant: 'pi05', maxTokens: 64 },
};

export const writeTinyBundle = (folder: string, seed = 0, config = tinyBundle): Promise<void> =>
  writeBundle(folder, config, tinyFiles(), randomWeights(config.architecture, seed));

/** Demonstrations whose action is told by the images' brightness: nothing else helps to guess it. */
export function tinyDemonstrations(count: number): Demonstration[] {
  const draw = uniformNumbers(11);
  return Array.from({ length: count }, (_, i) => {
    const brightness = draw();
    const images = new Uint8Array(2 * SIDE * SIDE * 3).fill(Math.round(255 * brightness));
    const actions = new Float32Array(4 * JOINTS).fill(2 * brightness - 1);
    const prompt = i % 2 === 0 ? 'go' : 'stop';
    return {
      images,
      state: new Float64Array(JOINTS),
      actions,
      steps: 4,
      prompt,
      isStart: i % 4 === 0,
    };
  });
}
