import { validate } from '../../../../validate.ts';
import type { Checkpoint } from '../../../checkpoints/checkpoint.ts';
import {
  LANGUAGE,
  checkSaid,
  createReader,
  headDimOf,
  languageOf,
  visionOf,
} from '../../../checkpoints/dimensions.ts';
import { EMBEDDINGS, HEAD } from '../../../paligemma/weightNames.ts';
import { storedName } from '../../../paligemma/weights.ts';
import { type FastConfig, fastConfigSchema } from '../config.ts';
import type { ActionTokenizer } from './actionTokenizer.ts';

/** Prompt tokens, action tokens, and rows of the table behind the codes, of both frameworks. */
const MAX_TOKENS = { lerobot: 200, openpi: 250 };
const MAX_ACTION_TOKENS = 256;
const SKIP = 128;

/** Whether one table reads and writes tokens: the other is not stored, or is the same. */
function isTied({ header }: Checkpoint): boolean {
  const [table, head] = [EMBEDDINGS, HEAD].map((name) => storedName(header, name));
  return head === undefined || table === head;
}

/**
 * A policy's dimensions: what its configuration says, else what the shapes of its tensors say; those of the robot's
 * vectors follow. Throws a `UserError` with all that neither says.
 */
export function dimensionsOf(
  checkpoint: Checkpoint,
  { pairs, scale, minToken }: ActionTokenizer,
): FastConfig {
  const { config, configPath, isJax } = checkpoint;
  const layout = isJax ? ('openpi' as const) : ('lerobot' as const);
  const reader = createReader(checkpoint);
  const { depth, need } = reader;
  const headDim = headDimOf(checkpoint, reader);
  const dimensions = {
    layout,
    vision: visionOf(checkpoint, reader),
    language: languageOf(checkpoint, reader, headDim, depth(LANGUAGE)),
    tiedHead: isTied(checkpoint),
    maxTokens: config.tokenizer_max_length ?? config.max_token_len ?? MAX_TOKENS[layout],
    maxActionTokens: config.max_decoding_steps ?? config.max_action_tokens ?? MAX_ACTION_TOKENS,
    horizon: need('chunk_size', config.chunk_size, config.action_horizon),
    actionDim: 1,
    stateDim: 1,
    temperature: config.temperature ?? undefined,
    // openpi plays zeros where codes are of another length.
    decoding: isJax ? ('strict' as const) : ('relaxed' as const),
    fast: { scale, minToken, vocabulary: pairs.size, skip: config.fast_skip_tokens ?? SKIP },
  };
  checkSaid(checkpoint, reader, 'π0-FAST');
  return validate(fastConfigSchema, dimensions, `${configPath} and the tensors beside it`);
}
