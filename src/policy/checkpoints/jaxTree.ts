import type { TensorEntry } from '../../tensors/safetensors.ts';
import { DTYPES } from '../../tensors/dtype.ts';

/** Where in openpi's JAX parameters a tensor lies. */
interface Place {
  path: string;
  /** Axes of the part: in the order in which the tensor has them. */
  order: readonly number[];
  /** How many of these axes each of the tensor's joins. */
  joins: readonly number[];
  /** The part of a first axis that is not a layer's, such as the gates beside the ups. */
  part?: number;
}

const MATRIX = { order: [1, 0], joins: [1, 1] };
const VECTOR = { order: [0], joins: [1] };
/** Biases of attention heads [heads, size]. */
const HEADS = { order: [0, 1], joins: [2] };

const LANGUAGE = 'paligemma_with_expert.paligemma.model.language_model';
const VISION = 'paligemma_with_expert.paligemma.model.vision_tower.vision_model';
const PROJECTOR = 'paligemma_with_expert.paligemma.model.multi_modal_projector.linear';
const ENCODER = 'PaliGemma/img/Transformer/encoderblock';
const GEMMA = 'PaliGemma/llm/layers';
const IMAGE_ATTENTION = `${ENCODER}/MultiHeadDotProductAttention_0`;

/** Tensors that are there once, by their name in PyTorch. */
const WHOLE: Record<string, Place> = {
  [`${LANGUAGE}.embed_tokens.weight`]: { path: 'PaliGemma/llm/embedder/input_embedding', order: [0, 1], joins: [1, 1] }, // prettier-ignore
  [`${LANGUAGE}.norm.weight`]: { path: 'PaliGemma/llm/final_norm/scale', ...VECTOR },
  [`${VISION}.embeddings.patch_embedding.weight`]: { path: 'PaliGemma/img/embedding/kernel', order: [3, 2, 0, 1], joins: [1, 1, 1, 1] }, // prettier-ignore
  [`${VISION}.embeddings.patch_embedding.bias`]: { path: 'PaliGemma/img/embedding/bias', ...VECTOR }, // prettier-ignore
  [`${VISION}.embeddings.position_embedding.weight`]: { path: 'PaliGemma/img/pos_embedding', order: [0, 1, 2], joins: [2, 1] }, // prettier-ignore
  [`${VISION}.post_layernorm.weight`]: { path: 'PaliGemma/img/Transformer/encoder_norm/scale', ...VECTOR }, // prettier-ignore
  [`${VISION}.post_layernorm.bias`]: { path: 'PaliGemma/img/Transformer/encoder_norm/bias', ...VECTOR }, // prettier-ignore
  [`${PROJECTOR}.weight`]: { path: 'PaliGemma/img/head/kernel', ...MATRIX },
  [`${PROJECTOR}.bias`]: { path: 'PaliGemma/img/head/bias', ...VECTOR },
};

/** A matrix of attention heads [heads, in, size] → [heads·size, in]. */
const INTO_HEADS = { order: [0, 2, 1], joins: [2, 1] };
/** [heads, size, out] → [out, heads·size]. */
const FROM_HEADS = { order: [2, 0, 1], joins: [1, 2] };

/** Tensors of each layer of Gemma, stacked along the first axis. */
const OF_LANGUAGE: Record<string, Place> = {
  'input_layernorm.weight': { path: `${GEMMA}/pre_attention_norm/scale`, ...VECTOR },
  'post_attention_layernorm.weight': { path: `${GEMMA}/pre_ffw_norm/scale`, ...VECTOR },
  'self_attn.q_proj.weight': { path: `${GEMMA}/attn/q_einsum/w`, ...INTO_HEADS },
  'self_attn.k_proj.weight': { path: `${GEMMA}/attn/kv_einsum/w`, part: 0, ...INTO_HEADS },
  'self_attn.v_proj.weight': { path: `${GEMMA}/attn/kv_einsum/w`, part: 1, ...INTO_HEADS },
  'self_attn.o_proj.weight': { path: `${GEMMA}/attn/attn_vec_einsum/w`, ...FROM_HEADS },
  'mlp.gate_proj.weight': { path: `${GEMMA}/mlp/gating_einsum`, part: 0, ...MATRIX },
  'mlp.up_proj.weight': { path: `${GEMMA}/mlp/gating_einsum`, part: 1, ...MATRIX },
  'mlp.down_proj.weight': { path: `${GEMMA}/mlp/linear`, ...MATRIX },
};

/** Of each layer of SigLIP. */
const OF_VISION: Record<string, Place> = {
  ...Object.fromEntries(
    [1, 2].flatMap((i): [string, Place][] => [
      [`layer_norm${i}.weight`, { path: `${ENCODER}/LayerNorm_${i - 1}/scale`, ...VECTOR }],
      [`layer_norm${i}.bias`, { path: `${ENCODER}/LayerNorm_${i - 1}/bias`, ...VECTOR }],
      [`mlp.fc${i}.weight`, { path: `${ENCODER}/MlpBlock_0/Dense_${i - 1}/kernel`, ...MATRIX }],
      [`mlp.fc${i}.bias`, { path: `${ENCODER}/MlpBlock_0/Dense_${i - 1}/bias`, ...VECTOR }],
    ]),
  ),
  ...Object.fromEntries(
    ['query', 'key', 'value'].flatMap((name): [string, Place][] => [
      [`self_attn.${name[0]}_proj.weight`, { path: `${IMAGE_ATTENTION}/${name}/kernel`, order: [1, 2, 0], joins: [2, 1] }], // prettier-ignore
      [`self_attn.${name[0]}_proj.bias`, { path: `${IMAGE_ATTENTION}/${name}/bias`, ...HEADS }],
    ]),
  ),
  'self_attn.out_proj.weight': { path: `${IMAGE_ATTENTION}/out/kernel`, ...FROM_HEADS },
  'self_attn.out_proj.bias': { path: `${IMAGE_ATTENTION}/out/bias`, ...VECTOR },
};

const LAYERS = [
  { prefix: `${LANGUAGE}.layers`, places: OF_LANGUAGE },
  { prefix: `${VISION}.encoder.layers`, places: OF_VISION },
];

/** One of the equal parts along an entry's first axis. */
function partOf(entry: TensorEntry, index: number): TensorEntry {
  const [count, ...shape] = entry.shape;
  const bytes = entry.bytes / count;
  return { ...entry, shape, bytes, offset: entry.offset + index * bytes };
}

/** An entry as PyTorch has it. */
function arrange(entry: TensorEntry, { order, joins, part }: Place): TensorEntry {
  const own = part === undefined ? entry : partOf(entry, part);
  const sizes = order.map((axis) => own.shape[axis]);
  let at = 0;
  const shape = joins.map((count) => {
    const joined = sizes.slice(at, at + count).reduce((product, size) => product * size, 1);
    at += count;
    return joined;
  });
  const isInOrder = order.every((axis, i) => axis === i);
  return { ...own, shape, ...(!isInOrder && { arrangement: { shape: own.shape, order } }) };
}

/** Whether an entry has the axes of its place, and bytes for each of its elements. */
const fits = ({ shape, dtype, bytes }: TensorEntry, { order, part }: Place, isStacked: boolean) =>
  shape.length === order.length + Number(part !== undefined) + Number(isStacked) &&
  bytes === DTYPES[dtype] * shape.reduce((product, size) => product * size, 1);

/**
 * A PaliGemma in openpi's JAX parameters (paths joined by `/`) as tensors under PyTorch's names, which lie in the same
 * file. Tensors that are none of a PaliGemma's, or of another rank, stay as they are. Undefined for other checkpoints.
 */
export function fromJax(
  tensors: ReadonlyMap<string, TensorEntry>,
): Map<string, TensorEntry> | undefined {
  const named = new Map(
    [...tensors].map(([name, entry]) => [name.replace(/^params\//, ''), entry]),
  );
  if (!named.has('PaliGemma/llm/embedder/input_embedding')) return undefined;
  const made = new Map<string, TensorEntry>();
  const used = new Set<string>();
  const find = (place: Place, isStacked: boolean) => {
    const entry = named.get(place.path);
    if (!entry || !fits(entry, place, isStacked)) return undefined;
    used.add(place.path);
    return entry;
  };
  for (const [name, place] of Object.entries(WHOLE)) {
    const entry = find(place, false);
    if (entry) made.set(name, arrange(entry, place));
  }
  for (const { prefix, places } of LAYERS)
    for (const [name, place] of Object.entries(places)) {
      const entry = find(place, true);
      for (let layer = 0; layer < (entry?.shape[0] ?? 0); layer++)
        made.set(`${prefix}.${layer}.${name}`, arrange(partOf(entry!, layer), place));
    }
  for (const [name, entry] of named) if (!used.has(name)) made.set(name, entry);
  return made;
}
