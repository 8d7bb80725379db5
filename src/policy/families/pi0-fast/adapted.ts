import { UserError } from '../../../errors.ts';
import { trainableParameters } from '../../paligemma/trainable.ts';
import type { Parameter, Trainable } from '../../trainable.ts';
import type { FastConfig } from './config.ts';
import { WRITING, weightShapes } from './graphs.ts';

/**
 * What learns, in the order of the graph: all weights, or low-rank adapters of the layers that write action tokens.
 * Throws a `UserError` for another part, which a π0-FAST has not.
 */
export function fastParameters(config: FastConfig, trainable: Trainable): Parameter[] {
  if (trainable.parameters === 'expert')
    throw new UserError(
      'a π0-FAST has no action expert: from demonstrations it learns whole (--train all), from attempts by low-rank adapters, as --method ppo and grpo have them (trainable: { parameters: lora, rank: 16 })',
      { kind: 'unsupported', subject: '--train', fields: ['--train', 'trainable'] },
    );
  return trainableParameters(trainable, WRITING, weightShapes(config), config.language.depth);
}
