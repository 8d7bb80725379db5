import { validate } from '../../../../validate.ts';
import type { Checkpoint } from '../../../checkpoints/checkpoint.ts';
import {
  LANGUAGE,
  checkSaid,
  createReader,
  gemmaOf,
  headDimOf,
  languageOf,
  partOf,
  visionOf,
} from '../../../checkpoints/dimensions.ts';
import type { Family } from '../../../checkpoints/family.ts';
import { type Pi0Config, pi0ConfigSchema } from '../config.ts';

const EXPERT = 'paligemma_with_expert.gemma_expert.model';

/** Prompt tokens of both frameworks. */
const MAX_TOKENS: Partial<Record<Family, number>> = { pi0: 48, pi05: 200 };

/**
 * A policy's dimensions: what its configuration says, else what the shapes of its tensors say. Throws a
 * `UserError` with all that neither says.
 */
export function dimensionsOf(checkpoint: Checkpoint, family: Family): Pi0Config {
  const { config, configPath } = checkpoint;
  const reader = createReader(checkpoint);
  const { axis, depth, need } = reader;
  const action = partOf(config.expert_config);
  const headDim = headDimOf(checkpoint, reader);
  // The two attend to each other layer by layer.
  const counted = Math.max(depth(LANGUAGE) ?? 0, depth(EXPERT) ?? 0) || undefined;
  const actionDim = need(
    'max_action_dim',
    config.max_action_dim,
    config.action_dim,
    axis('action_in_proj.weight', 1),
  );
  const dimensions = {
    variant: family,
    vision: visionOf(checkpoint, reader),
    language: languageOf(checkpoint, reader, headDim, counted),
    expert: {
      ...gemmaOf('expert_config', EXPERT, headDim, checkpoint, reader),
      width: need(
        'expert_config.width',
        action.width,
        config.proj_width,
        axis('action_in_proj.weight', 0),
      ),
      depth: need('expert_config.depth', action.depth, counted),
    },
    maxTokens: config.tokenizer_max_length ?? config.max_token_len ?? MAX_TOKENS[family],
    horizon: need('chunk_size', config.chunk_size, config.action_horizon),
    actionDim,
    stateDim: need('max_state_dim', config.max_state_dim, axis('state_proj.weight', 1), actionDim),
    minPeriod: config.min_period ?? undefined,
    maxPeriod: config.max_period ?? undefined,
  };
  checkSaid(checkpoint, reader, 'π0');
  return validate(pi0ConfigSchema, dimensions, `${configPath} and the tensors beside it`);
}
