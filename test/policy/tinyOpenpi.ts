import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Pi0Config, pi0ConfigSchema } from '../../src/policy/families/pi0/config.ts';
import { tinyTokenizerJson } from '../../src/policy/paligemma/tokenizer.ts';
import { weightShapes } from '../../src/policy/families/pi0/weights.ts';
import { writeSafetensors } from '../../src/tensors/safetensors.ts';
import { writeAsset } from './checkpoints.ts';
import { liveWeights } from './pi05.ts';

/** Padded size of states and actions, and sides of images, of openpi's published policies. */
export const ROW = 32;
export const SIDE = 224;

/** A π0 or π0.5 of few weights, with the images and rows of the published ones. */
export const tinyDimensions = (variant: Pi0Config['variant'], horizon: number): Pi0Config =>
  pi0ConfigSchema.parse({
    variant,
    vision: { width: 8, depth: 1, mlp: 8, heads: 2, patch: 56, imageSize: SIDE },
    language: { width: 8, depth: 2, mlp: 12, heads: 2, kvHeads: 1, headDim: 4, vocabulary: 260 },
    expert: { width: 6, depth: 2, mlp: 10, heads: 2, kvHeads: 1, headDim: 4 },
    maxTokens: variant === 'pi0' ? 48 : 200,
    horizon,
    actionDim: ROW,
    stateDim: ROW,
  });

/** Weights of a policy by openpi's names. */
export const weightsOf = (dimensions: Pi0Config) =>
  liveWeights({ shapes: weightShapes(dimensions), seed: 3 });

/** mean, std, q01 and q99 of a vector, each number its own. */
export type Moments = Record<'mean' | 'std' | 'q01' | 'q99', number[]>;

export function momentsOf(size: number, from: number): Moments {
  const of = (base: number, step: number) => Array.from({ length: size }, (_, i) => base + step * i); // prettier-ignore
  return { mean: of(from, 0.1), std: of(0.4, 0.05), q01: of(from - 1, 0.1), q99: of(from + 1, 0.15) }; // prettier-ignore
}

/**
 * Writes what openpi's conversion to PyTorch leaves: weights, the few fields of its config.json and those sizes that
 * are not the published ones, and the statistics in the folder of the asset; `pad` fills them with zeros to 32.
 */
export async function writeOpenpi(
  folder: string,
  dimensions: Pi0Config,
  { asset, state, actions, pad = false }: { asset: string; state: Moments; actions: Moments; pad?: boolean }, // prettier-ignore
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const tensors = [...weightsOf(dimensions)].map(([name, tensor]) => ({ name, ...tensor }));
  await writeSafetensors(join(folder, 'model.safetensors'), tensors, { format: 'pt' });
  const config = {
    action_dim: ROW,
    action_horizon: dimensions.horizon,
    paligemma_variant: 'gemma_2b_of_another_size',
    action_expert_variant: 'gemma_300m_of_another_size',
    precision: 'float32',
    text_config: { head_dim: dimensions.language.headDim },
    vision_config: { num_attention_heads: dimensions.vision.heads },
  };
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  await writeFile(join(folder, 'tokenizer.json'), tinyTokenizerJson());
  const padded = (moments: Moments) =>
    Object.fromEntries(
      Object.entries(moments).map(([name, values]) => [
        name,
        pad ? [...values, ...Array<number>(ROW - values.length).fill(0)] : values,
      ]),
    );
  await writeAsset(folder, asset, {
    norm_stats: { state: padded(state), actions: padded(actions) },
  });
}
