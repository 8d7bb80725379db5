import { randomTensors } from '../../paligemma/randomWeights.ts';
import type { Size } from '../../size.ts';
import type { SizeNameOf } from '../untrainedNames.ts';
import type { FastConfig } from './config.ts';
import { fittedFast } from './fitted.ts';
import { weightShapes } from './graphs.ts';
import { MINI } from './mini.ts';

/** What is made of each size of a π0-FAST. */
export const FAST_SIZES: Record<SizeNameOf<'pi0-fast'>, Size<FastConfig>> = {
  mini: {
    what: (robot) => `A small π0-FAST for ${robot}`,
    config: MINI,
    rowOf: (joints) => joints,
    weights: (architecture, seed) => randomTensors(weightShapes(architecture), seed),
    normalisation: 'quantile',
    fit: fittedFast,
  },
};
