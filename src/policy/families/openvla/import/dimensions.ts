import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../../../../errors.ts';
import { isThere } from '../../../../files/isThere.ts';
import { readJson, validate } from '../../../../validate.ts';
import type { Checkpoint } from '../../../checkpoints/checkpoint.ts';
import { type Reader, checkSaid, createReader } from '../../../checkpoints/dimensions.ts';
import { type OpenVlaConfig, RESIZES, openVlaConfigSchema, patchesOf } from '../config.ts';
import { TOWERS } from '../graphs.ts';
import { EMBEDDINGS } from '../llama.ts';

const LANGUAGE = 'language_model.model';
const size = z.int().min(1).nullish();
const triple = z.tuple([z.number(), z.number(), z.number()]);

const processorSchema = z.looseObject({
  means: z.tuple([triple, triple]),
  stds: z.tuple([triple, triple]),
});

/** What is read of an OpenVLA's `config.json`. All may be absent: what the reference takes by itself then holds. */
const configSchema = z.looseObject({
  image_sizes: z.array(z.int()).nullish(),
  image_resize_strategy: z.string().nullish(),
  timm_model_ids: z.array(z.string()).nullish(),
  vision: z.array(z.looseObject({ num_heads: size })).nullish(),
  image_processor: processorSchema.nullish(),
  n_action_bins: size,
  pad_to_multiple_of: size,
  llm_max_length: size,
  text_config: z
    .looseObject({
      num_attention_heads: size,
      num_key_value_heads: size,
      head_dim: size,
      rms_norm_eps: z.number().positive().nullish(),
      max_position_embeddings: size,
    })
    .nullish(),
});

type Said = z.infer<typeof configSchema>;

/** What other models of the same makers have otherwise, and the one value that is run. */
const FIXED: [field: string, value: unknown][] = [
  ['model_type', 'openvla'],
  ['use_fused_vision_backbone', true],
  ['timm_override_act_layers', [null, null]],
  ['text_config.model_type', 'llama'],
  ['text_config.hidden_act', 'silu'],
  ['text_config.rope_theta', 10_000],
  ['text_config.rope_scaling', undefined],
  ['text_config.attention_bias', false],
  ['text_config.mlp_bias', false],
];

/** Throws a `UserError` for a configuration of a network that is not run. */
function checkFixed({ config, configPath }: Checkpoint): void {
  for (const [field, wanted] of FIXED) {
    const value = field
      .split('.')
      .reduce<unknown>((part, key) => (part as Record<string, unknown> | undefined)?.[key], config);
    const said = JSON.stringify(value);
    if (value === undefined || value === null || said === JSON.stringify(wanted)) continue;
    throw new UserError(
      `${configPath} says ${field}: ${said}; Nalu runs OpenVLA ${wanted === undefined ? 'without' : `with ${JSON.stringify(wanted)}`}: DINOv2 beside SigLIP, then Llama 2`,
      { kind: 'unsupported', subject: configPath, fields: [field] },
    );
  }
}

/** Heads of the published towers, which no shape tells, by timm's name. */
const PUBLISHED_HEADS: Record<string, number> = {
  vit_large_patch14_reg4_dinov2: 16,
  vit_so400m_patch14_siglip_224: 16,
};
/** Llama 2's, by its width. */
const LLAMA_HEADS: Record<number, number> = { 4096: 32, 5120: 40 };
/** What the reference takes where the configuration says nothing. */
const USUAL = { bins: 256, padding: 64, length: 2048, normEpsilon: 1e-6 };

const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
const HALVES = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };

/** How pixels are normalised for each tower: of the image processor's file, else as both were trained. */
async function pixelsOf({ folder }: Checkpoint, { image_processor }: Said) {
  const path = join(folder, 'preprocessor_config.json');
  const found = (await isThere(path))
    ? validate(processorSchema, await readJson(path), path)
    : image_processor;
  return [IMAGENET, HALVES].map(({ mean, std }, i) => ({
    mean: found?.means[i] ?? mean,
    std: found?.stds[i] ?? std,
  }));
}

/** Blocks of a tower that are stored. */
function blocksOf({ header }: Checkpoint, tower: string): number | undefined {
  const begin = `${tower}.blocks.`;
  const blocks = [...header.tensors.keys()].flatMap((name) =>
    name.startsWith(begin) ? [Number.parseInt(name.slice(begin.length), 10)] : [],
  );
  return blocks.length > 0 ? Math.max(...blocks) + 1 : undefined;
}

function towerOf(checkpoint: Checkpoint, said: Said, reader: Reader, i: number) {
  const { tensors } = checkpoint.header;
  const { axis, need } = reader;
  const tower = TOWERS[i];
  const published = said.timm_model_ids?.[i]?.split('.')[0] ?? '';
  const blocks = need(`the blocks of ${tower}`, blocksOf(checkpoint, tower));
  return {
    width: need(`the width of ${tower}`, axis(`${tower}.pos_embed`, 2)),
    // The last one is not read.
    depth: Math.max(1, blocks - 1),
    mlp: need(`the MLP of ${tower}`, axis(`${tower}.blocks.0.mlp.fc1.weight`, 0)),
    heads: need(`vision[${i}].num_heads`, said.vision?.[i]?.num_heads, PUBLISHED_HEADS[published]),
    classToken: tensors.has(`${tower}.cls_token`),
    registers: tensors.get(`${tower}.reg_token`)?.shape[1] ?? 0,
    layerScale: tensors.has(`${tower}.blocks.0.ls1.scale_factor`),
  };
}

function languageOf({ text_config: text }: Said, { axis, depth, need }: Reader) {
  const rows = (part: string) => axis(`${LANGUAGE}.layers.0.${part}_proj.weight`, 0);
  const width = need('text_config.hidden_size', axis(EMBEDDINGS, 1));
  const heads = need('text_config.num_attention_heads', text?.num_attention_heads, LLAMA_HEADS[width]); // prettier-ignore
  const headDim = text?.head_dim ?? Math.floor((rows('self_attn.q') ?? heads) / heads);
  return {
    width,
    heads,
    headDim,
    depth: need('text_config.num_hidden_layers', depth(LANGUAGE)),
    mlp: need('text_config.intermediate_size', rows('mlp.gate')),
    kvHeads: Math.max(1, Math.floor((rows('self_attn.k') ?? headDim) / headDim)),
    vocabulary: need('text_config.vocab_size', axis(EMBEDDINGS, 0)),
    normEpsilon: text?.rms_norm_eps ?? USUAL.normEpsilon,
  };
}

/** The resize that an image processor says. Throws a `UserError` for one that is not run. */
function resizeOf({ configPath }: Checkpoint, { image_resize_strategy: strategy }: Said) {
  if (strategy === undefined || strategy === null) return 'naive';
  const resize = RESIZES.find((one) => strategy === one || strategy === `resize-${one}`);
  if (resize) return resize;
  throw new UserError(
    `${configPath} says image_resize_strategy: ${strategy}; Nalu resizes by resize-naive or letterbox`,
    { kind: 'unsupported', subject: configPath, fields: ['image_resize_strategy'] },
  );
}

/**
 * A policy's dimensions: what the shapes of its tensors say, else its configuration; those of the robot's vectors
 * follow. Throws a `UserError` with all that neither says.
 */
export async function dimensionsOf(checkpoint: Checkpoint): Promise<OpenVlaConfig> {
  const { config, configPath } = checkpoint;
  checkFixed(checkpoint);
  const said = validate(configSchema, config, configPath);
  const reader = createReader(checkpoint);
  const { axis, need } = reader;
  const pixels = await pixelsOf(checkpoint, said);
  const patch = need('the size of a patch', axis(`${TOWERS[0]}.patch_embed.proj.weight`, 2));
  const patches = axis(`${TOWERS[0]}.pos_embed`, 1) ?? 1;
  const imageSize = said.image_sizes?.[0] ?? Math.round(Math.sqrt(patches)) * patch;
  const language = languageOf(said, reader);
  const dimensions = {
    imageSize,
    patch,
    resize: resizeOf(checkpoint, said),
    towers: TOWERS.map((_, i) => ({ ...towerOf(checkpoint, said, reader, i), ...pixels[i] })),
    projector: need('the width of the projector', axis('projector.fc1.weight', 0)),
    language,
    textVocabulary: language.vocabulary - (said.pad_to_multiple_of ?? USUAL.padding),
    bins: said.n_action_bins ?? USUAL.bins,
    maxTokens: 1,
    actionDim: 1,
    stateDim: 1,
  };
  checkSaid(checkpoint, reader, 'OpenVLA');
  const read = validate(openVlaConfigSchema, dimensions, `${configPath} and the tensors beside it`);
  const length = said.llm_max_length ?? said.text_config?.max_position_embeddings ?? USUAL.length;
  return { ...read, maxTokens: Math.max(1, length - patchesOf(read)) };
}
