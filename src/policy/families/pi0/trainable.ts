import {
  type LearnedPart,
  trainableParameters as parametersOf,
} from '../../paligemma/trainable.ts';
import type { Parameter, Trainable } from '../../trainable.ts';
import type { Pi0Config } from './config.ts';
import { weightShapes } from './weights.ts';

/** The action expert and the projections of state, actions and time. */
export const EXPERT: LearnedPart = {
  called: 'the expert',
  frozen: /^paligemma_with_expert\.paligemma\./,
  dense:
    /^paligemma_with_expert\.gemma_expert\.model\.layers\.(\d+)\.(?:self_attn|mlp)\.\w+_proj\.weight$/,
};

/** What learns of a π0 of this configuration, in a fixed order. Throws a `UserError` for a layer that it has not. */
export const trainableParameters = (trainable: Trainable, config: Pi0Config): Parameter[] =>
  parametersOf(trainable, EXPERT, weightShapes(config), config.expert.depth);
