import type { Pi0Config } from '../config.ts';

/** lerobot's buffers, in which it kept statistics beside the weights until version 0.3. */
export const BUFFER =
  /^(?:un)?normalize_(?:inputs|targets|outputs)\.buffer_(observation_state|action)\.(\w+)$/;

/** Whether a tensor holds statistics of lerobot's buffers. */
export const isBuffer = (name: string): boolean =>
  /^(?:un)?normalize_(?:inputs|targets|outputs)\./.test(name);

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

/** Whether a tensor is one that no chunk depends on. */
export const isUnused = (name: string, config: Pi0Config): boolean =>
  unusedTensors(config).some((pattern) => pattern.test(name));
