import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Tensor } from 'onnxruntime-node';
import { loadSafetensors } from '../../src/tensors/safetensors.ts';
import { type Pi0Config, pi0ConfigSchema } from '../../src/policy/families/pi0/config.ts';

/**
 * A tiny π0 with random weights and every intermediate number, as lerobot's reference implementation
 * computes them in float32 (see its README.md).
 */
export const GOLDEN = join(import.meta.dirname, '../../../test/golden');

interface GoldenConfig {
  text_config: GoldenTransformer & { vocab_size?: number };
  expert_config: GoldenTransformer;
  vision_config: {
    hidden_size: number;
    num_hidden_layers: number;
    num_attention_heads: number;
    intermediate_size: number;
    patch_size: number;
    image_size: number;
  };
  vocab_size: number;
  tokenizer_max_length: number;
  chunk_size: number;
  max_action_dim: number;
  max_state_dim: number;
}

interface GoldenTransformer {
  width: number;
  depth: number;
  mlp_dim: number;
  num_heads: number;
  num_kv_heads: number;
  head_dim: number;
}

const transformer = (config: GoldenTransformer) => ({
  width: config.width,
  depth: config.depth,
  mlp: config.mlp_dim,
  heads: config.num_heads,
  kvHeads: config.num_kv_heads,
  headDim: config.head_dim,
});

/** Reads one of the golden configurations, whose fields are lerobot's. */
export async function goldenConfig(file: string): Promise<Pi0Config> {
  const config = JSON.parse(await readFile(join(GOLDEN, file), 'utf8')) as GoldenConfig;
  const vision = config.vision_config;
  return pi0ConfigSchema.parse({
    vision: {
      width: vision.hidden_size,
      depth: vision.num_hidden_layers,
      mlp: vision.intermediate_size,
      heads: vision.num_attention_heads,
      patch: vision.patch_size,
      imageSize: vision.image_size,
    },
    language: { ...transformer(config.text_config), vocabulary: config.vocab_size },
    expert: transformer(config.expert_config),
    maxTokens: config.tokenizer_max_length,
    horizon: config.chunk_size,
    actionDim: config.max_action_dim,
    stateDim: config.max_state_dim,
  });
}

const TENSOR_TYPES = {
  F32: 'float32',
  F64: 'float64',
  I64: 'int64',
  I32: 'int32',
  U8: 'uint8',
  BOOL: 'bool',
} as const;

/** Golden tensors by name, as ONNX Runtime takes them. */
export async function goldenTensors(
  file: string,
  folder = GOLDEN,
): Promise<(name: string) => Tensor> {
  const { tensors } = await loadSafetensors(join(folder, file));
  return (name) => {
    const tensor = tensors.get(name);
    if (!tensor) throw new Error(`${file} has no ${name}`);
    const type = TENSOR_TYPES[tensor.dtype as keyof typeof TENSOR_TYPES];
    return new Tensor(type as 'float32', tensor.data as Float32Array, tensor.shape);
  };
}

/** Tensors [batch, ...] of several cameras, joined as [batch, cameras, ...]. */
export function stackCameras(perCamera: readonly Tensor[]): Tensor {
  const [first] = perCamera;
  const [batch, ...rest] = first.dims;
  const size = rest.reduce((product, dim) => product * dim, 1);
  const data = (first.data as Float32Array).slice(0, 0);
  const joined = new (data.constructor as Float32ArrayConstructor)(batch * perCamera.length * size);
  perCamera.forEach((tensor, camera) => {
    for (let sample = 0; sample < batch; sample++) {
      const row = (tensor.data as Float32Array).subarray(sample * size, (sample + 1) * size);
      joined.set(row, (sample * perCamera.length + camera) * size);
    }
  });
  return new Tensor(first.type as 'float32', joined, [batch, perCamera.length, ...rest]);
}

/** The largest size of numbers, by which their tolerance is stated. */
export const largestOf = (values: Iterable<number>): number => {
  let most = 0;
  for (const value of values) most = Math.max(most, Math.abs(value));
  return most;
};

/** Largest absolute difference, over the elements that count. */
export function largestDifference(
  actual: Tensor,
  expected: Tensor,
  counts: (index: number) => boolean = () => true,
): number {
  const a = actual.data as Float32Array;
  const e = expected.data as Float32Array;
  if (a.length !== e.length) return Infinity;
  let largest = 0;
  for (let i = 0; i < e.length; i++) {
    if (counts(i)) largest = Math.max(largest, Math.abs(a[i] - e[i]));
  }
  return largest;
}
