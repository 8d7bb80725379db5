import type { CheckpointKind } from '../../../checkpoints/kind.ts';
import { PALIGEMMA } from '../../../paligemma/tokenizer.ts';
import type { Pi0Config } from '../config.ts';
import { sampleGraph } from '../graphs.ts';
import { weightShapes } from '../weights.ts';
import { dimensionsOf } from './dimensions.ts';
import { stateInPromptOf } from './stateInPrompt.ts';

/** Euler steps of both frameworks. */
const STEPS = 10;

/** Tensors of published checkpoints that no chunk depends on. */
const unusedTensors = ({ language }: Pi0Config): RegExp[] => [
  // Neither transformer writes text.
  /lm_head\.weight$/,
  // The expert reads no text.
  /gemma_expert\.model\.embed_tokens\.weight$/,
  // Of PaliGemma's last layer only keys and values are attended to.
  /language_model\.(model\.)?norm\.weight$/,
  new RegExp(
    `language_model\\.(model\\.)?layers\\.${language.depth - 1}\\.(self_attn\\.[qo]_proj|mlp\\.\\w+_proj|post_attention_layernorm)\\.weight$`,
  ),
  /position_ids$/,
];

/** How published checkpoints of π0 and π0.5 are read. */
export const pi0Checkpoints: CheckpointKind<Pi0Config> = {
  name: 'pi0',
  title: 'π0',
  reads: { pi0: 'MEAN_STD', pi05: 'QUANTILES' },
  tokenizer: PALIGEMMA,
  dimensions: dimensionsOf,
  shapes: weightShapes,
  unused: unusedTensors,
  graph: (architecture, source) => sampleGraph(architecture, source, 'bytes'),
  complete(checkpoint, family, dimensions, robot, { stateInPrompt: given }) {
    const stateInPrompt = stateInPromptOf(checkpoint, family, robot, given);
    const isLeftOut = stateInPrompt?.value === false;
    const architecture = { ...dimensions, ...(isLeftOut && { stateInPrompt: false }) };
    return { architecture, stateInPrompt };
  },
  flow: ({ config }, { steps }) => ({
    integration: {
      steps: steps ?? config.num_inference_steps ?? config.num_steps ?? STEPS,
      solver: 'euler',
    },
    ...(config.rtc_training_max_delay && { maxDelay: config.rtc_training_max_delay }),
  }),
  sizes: ({ horizon, language }) => ({ horizon, vocabulary: language.vocabulary }),
  sampling: ({ architecture: pi0, integration, executeSteps }) =>
    `chunks of ${pi0.horizon} rows by ${integration!.steps} network calls (${integration!.solver}), ${executeSteps} rows played; images ${pi0.vision.imageSize} × ${pi0.vision.imageSize}; prompts of ${pi0.maxTokens} tokens at most`,
};
