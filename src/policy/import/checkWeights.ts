import { UserError, listed } from '../../errors.ts';
import type { Pi0Config } from '../pi0/config.ts';
import { storedName, weightFault, weightShapes } from '../weights.ts';
import type { Checkpoint } from './checkpoint.ts';
import { isBuffer } from './statistics.ts';

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

/**
 * Checks that a checkpoint holds the tensors of this policy, and no others that could matter. Throws a
 * `UserError` with all that are missing, misshapen or surplus.
 */
export function checkTensors({ folder, header, configPath }: Checkpoint, config: Pi0Config): void {
  const shapes = weightShapes(config);
  const wrong = [...shapes].flatMap(
    ([name, shape]) => weightFault(header, name, shape, 'the configuration') ?? [],
  );
  const used = new Set([...shapes.keys()].map((name) => storedName(header, name)));
  const surplus = [...header.tensors.keys()]
    .filter((name) => !used.has(name) && !isBuffer(name))
    .filter((name) => !isUnused(name, config))
    .map((name) => `${name} is none of this policy's tensors`);
  if (wrong.length + surplus.length === 0) return;
  const adapters = surplus.some((fault) => fault.includes('.lora_'))
    ? "\nMerge LoRA adapters into the weights before importing (PEFT's merge_and_unload)."
    : '';
  throw new UserError(
    `${folder} does not hold the tensors that ${configPath} and their shapes make a π0 of:${wrong.length > 0 ? listed(wrong) : ''}${surplus.length > 0 ? listed(surplus) : ''}${adapters}`,
  );
}
