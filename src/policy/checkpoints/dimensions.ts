import { UserError, listed } from '../../errors.ts';
import type { PaliGemmaConfig } from '../paligemma/config.ts';
import { EMBEDDINGS, storedNames } from '../paligemma/weightNames.ts';
import { findTensor } from '../paligemma/weights.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { PartConfig } from './checkpointConfig.ts';

const PALIGEMMA = 'paligemma_with_expert.paligemma.model';
const VISION = `${PALIGEMMA}.vision_tower.vision_model`;
export const LANGUAGE = `${PALIGEMMA}.language_model`;

/** Elements of an attention head, by openpi's and lerobot's name of a Gemma. */
const VARIANT_HEADS: Record<string, number> = { gemma_2b: 256, gemma_300m: 256, dummy: 16 };
/** The published PaliGemma-3B: its sizes say what its tensors' shapes do not. */
const PUBLISHED = { language: 2048, keys: 256, headDim: 256, vision: 1152, visionHeads: 16 };
/** A configuration's field, or what the tensors say; what neither says is noted. */
export interface Reader {
  /** Size of an axis of a tensor. */
  axis: (name: string, axis: number) => number | undefined;
  /** Layers of which tensors are there. */
  depth: (prefix: string) => number | undefined;
  need: (field: string, ...values: (number | null | undefined)[]) => number;
  /** Fields that nothing says. */
  missing: string[];
  /** Tensors that were asked for and are not there. */
  absent: Set<string>;
}

export function createReader({ header }: Checkpoint): Reader {
  const names = [...header.tensors.keys()];
  const missing: string[] = [];
  const absent = new Set<string>();
  return {
    missing,
    absent,
    axis(name, axis) {
      const tensor = findTensor(header, name);
      if (!tensor) absent.add(name);
      return tensor?.shape[axis];
    },
    depth(prefix) {
      const begins = storedNames(`${prefix}.layers.`);
      const layers = names.flatMap((name) => {
        const begin = begins.find((one) => name.startsWith(one));
        return begin === undefined ? [] : [Number.parseInt(name.slice(begin.length), 10)];
      });
      return layers.length > 0 ? Math.max(...layers) + 1 : undefined;
    },
    need(field, ...values) {
      const value = values.find((one) => typeof one === 'number');
      if (value === undefined) missing.push(field);
      return value ?? 1;
    },
  };
}

export const partOf = (part: PartConfig | null | undefined) => ({
  width: part?.width ?? part?.hidden_size,
  depth: part?.depth ?? part?.num_hidden_layers,
  mlp: part?.mlp_dim ?? part?.intermediate_size,
  heads: part?.num_heads ?? part?.num_attention_heads,
  kvHeads: part?.num_kv_heads ?? part?.num_key_value_heads,
});

export function visionOf(
  { config }: Checkpoint,
  { axis, depth, need }: Reader,
): PaliGemmaConfig['vision'] {
  const part = config.vision_config;
  const said = partOf(part);
  const width = need(
    'vision_config.hidden_size',
    said.width,
    axis(`${VISION}.embeddings.position_embedding.weight`, 1),
  );
  const patch = need(
    'vision_config.patch_size',
    part?.patch_size,
    axis(`${VISION}.embeddings.patch_embedding.weight`, 2),
  );
  const patches = axis(`${VISION}.embeddings.position_embedding.weight`, 0);
  const resolution = config.image_resolution ?? config.resize_imgs_with_padding;
  if (resolution && resolution[0] !== resolution[1])
    throw new UserError(
      `image_resolution ${resolution.join(' × ')}: a policy's images are squares; correct config.json`,
      { kind: 'unsupported', fields: ['image_resolution'] },
    );
  return {
    width,
    patch,
    depth: need('vision_config.num_hidden_layers', said.depth, depth(`${VISION}.encoder`)),
    mlp: need(
      'vision_config.intermediate_size',
      said.mlp,
      axis(`${VISION}.encoder.layers.0.mlp.fc1.weight`, 0),
    ),
    heads: need(
      'vision_config.num_attention_heads',
      said.heads,
      width === PUBLISHED.vision ? PUBLISHED.visionHeads : undefined,
    ),
    imageSize: need(
      'image_resolution',
      resolution?.[0],
      part?.image_size,
      patches === undefined ? undefined : Math.sqrt(patches) * patch,
    ),
  };
}

/** Elements of an attention head: no shape says how many heads share a projection. */
export function headDimOf({ config }: Checkpoint, { axis, need }: Reader): number {
  const variant = (config.paligemma_variant ?? '').replace(/_lora$/, '');
  const isPublished =
    axis(EMBEDDINGS, 1) === PUBLISHED.language &&
    axis(`${LANGUAGE}.layers.0.self_attn.k_proj.weight`, 0) === PUBLISHED.keys;
  return need(
    'text_config.head_dim',
    config.text_config?.head_dim,
    config.expert_config?.head_dim,
    VARIANT_HEADS[variant],
    isPublished ? PUBLISHED.headDim : undefined,
  );
}

export function gemmaOf(
  field: 'text_config' | 'expert_config',
  prefix: string,
  headDim: number,
  { config }: Checkpoint,
  { axis, need }: Reader,
) {
  const said = partOf(config[field]);
  const layer = (name: string) => `${prefix}.layers.0.${name}_proj.weight`;
  const heads = (name: string) => {
    const rows = axis(layer(`self_attn.${name}`), 0);
    return rows === undefined ? undefined : rows / headDim;
  };
  return {
    mlp: need(`${field}.mlp_dim`, said.mlp, axis(layer('mlp.gate'), 0)),
    heads: need(`${field}.num_heads`, said.heads, heads('q')),
    kvHeads: need(`${field}.num_kv_heads`, said.kvHeads, heads('k')),
    headDim,
  };
}

/** The dimensions of PaliGemma's language model, which has `counted` layers. */
export function languageOf(
  checkpoint: Checkpoint,
  reader: Reader,
  headDim: number,
  counted: number | undefined,
): PaliGemmaConfig['language'] {
  const { config } = checkpoint;
  const { axis, need } = reader;
  const text = partOf(config.text_config);
  return {
    ...gemmaOf('text_config', LANGUAGE, headDim, checkpoint, reader),
    width: need('text_config.width', text.width, axis(EMBEDDINGS, 1)),
    depth: need('text_config.depth', text.depth, counted),
    vocabulary: need('vocab_size', axis(EMBEDDINGS, 0), config.vocab_size),
  };
}

/** Throws a `UserError` with all that neither the configuration nor the tensors say of a policy's dimensions. */
export function checkSaid(
  { folder, header, configPath }: Checkpoint,
  { missing, absent }: Reader,
  title: string,
): void {
  if (missing.length > 0 && absent.size > 0)
    throw new UserError(
      `${folder} lacks tensors that every ${title} has, and that its size is read from; its first is ${[...header.tensors.keys()][0]}:${listed([...absent])}`,
      { kind: 'mismatch', subject: folder, fields: [...absent] },
    );
  if (missing.length > 0)
    throw new UserError(
      `neither ${configPath} nor the shapes of the tensors say how large the policy is; add to that file what it was trained with:${listed(missing)}`,
      { kind: 'invalid', subject: configPath, fields: missing },
    );
}

/** Rows of a chunk that are played. */
export function executeStepsOf(
  { config }: Pick<Checkpoint, 'config'>,
  horizon: number,
  execute: number | undefined,
): number {
  if (execute !== undefined && execute > horizon)
    throw new UserError(
      `--execute ${execute}: the policy's chunks have ${horizon} rows; say fewer`,
      { kind: 'invalid', fields: ['--execute'] },
    );
  // Some rows must be left for the time in which the next chunk is sampled.
  const most = Math.max(1, Math.floor(0.8 * horizon));
  return execute ?? Math.min(config.n_action_steps ?? horizon, most);
}
