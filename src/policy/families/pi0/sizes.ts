import type { Size } from '../../size.ts';
import type { SizeNameOf } from '../untrainedNames.ts';
import type { Pi0Config } from './config.ts';
import { FULL } from './full.ts';
import { MINI } from './mini.ts';
import { largeRandomWeights, randomWeights } from './randomWeights.ts';

/** What is made of each size of a π0. */
export const PI0_SIZES: Record<SizeNameOf<'pi0'>, Size<Pi0Config>> = {
  mini: {
    what: (robot) => `A small pi0 for ${robot}`,
    config: MINI,
    rowOf: (joints) => joints,
    weights: randomWeights,
    normalisation: 'meanStd',
  },
  full: {
    what: () => 'A pi0 of the published size',
    config: FULL,
    rowOf: () => FULL.architecture.actionDim,
    weights: largeRandomWeights,
    normalisation: 'meanStd',
  },
};
