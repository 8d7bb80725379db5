import type { CheckpointKind } from '../../../checkpoints/kind.ts';
import { actionsOf } from '../../../checkpoints/embodiments.ts';
import { LLAMA } from '../../../paligemma/tokenizer.ts';
import { HORIZON, type OpenVlaConfig } from '../config.ts';
import { TOWERS, sampleGraph, weightShapes } from '../graphs.ts';
import { dimensionsOf } from './dimensions.ts';
import { vectorsOf } from './vectors.ts';

const escaped = (name: string) => name.replaceAll('.', String.raw`\.`);

/** How published checkpoints of OpenVLA are read. */
export const openVlaCheckpoints: CheckpointKind<OpenVlaConfig> = {
  name: 'openvla',
  title: 'OpenVLA',
  reads: { openvla: 'QUANTILES' },
  tokenizer: LLAMA,
  dimensions: dimensionsOf,
  shapes: weightShapes,
  unused: ({ towers }) => [
    /rotary_emb\.inv_freq$/,
    ...TOWERS.flatMap((name, i) => [
      new RegExp(`^${escaped(name)}\\.(?:norm|attn_pool|fc_norm|head)\\.`),
      new RegExp(`^${escaped(name)}\\.blocks\\.${towers[i].depth}\\.`),
    ]),
  ],
  graph: sampleGraph,
  vectors: vectorsOf,
  complete: (_, __, dimensions, robot) => {
    const actionDim = actionsOf(robot).length;
    return {
      architecture: {
        ...dimensions,
        // Tokens of the action stand behind the prompt's.
        maxTokens: Math.max(1, dimensions.maxTokens - actionDim),
        actionDim,
        stateDim: robot.joints.length,
      },
    };
  },
  sizes: ({ language, textVocabulary }) => ({
    horizon: HORIZON,
    vocabulary: language.vocabulary,
    textVocabulary,
  }),
  sampling: ({ architecture: { actionDim, imageSize, bins, maxTokens } }) =>
    `an action of ${actionDim} numbers, a token of ${bins} bins each, the likeliest; images ${imageSize} × ${imageSize}; prompts of ${maxTokens} tokens at most`,
};
