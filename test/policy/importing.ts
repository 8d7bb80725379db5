import { pi0Of } from './pi0Of.ts';
import assert from 'node:assert/strict';
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Tensor } from 'onnxruntime-node';
import { type About, assertRejectsAbout } from '../refusals.ts';
import { writeModel } from '../../src/onnx/modelFile.ts';
import { type TensorSource } from '../../src/tensors/safetensors.ts';
import { openSession, sessionConfigSchema } from '../../src/session/session.ts';
import { readShardedHeader } from '../../src/tensors/shards.ts';
import { WEIGHTS_FILE } from '../../src/policy/bundle/bundle.ts';
import { type ImportOptions } from '../../src/policy/checkpoints/options.ts';
import { importPolicy } from '../../src/policy/families/importers.ts';
import { integrationTensor } from '../../src/policy/integrationTensor.ts';
import { sampleGraph } from '../../src/policy/families/pi0/graphs.ts';
import { openSampler } from '../../src/policy/sampler.ts';
import type { Trainable } from '../../src/policy/trainable.ts';
import { externalWeights } from '../../src/policy/paligemma/weights.ts';
import { withFolder } from '../onnx/run.ts';
import { goldenJson, lerobotTensors, options, writeCheckpoint } from './checkpoints.ts';
import { goldenTensors, largestDifference, stackCameras } from './golden.ts';
import { type Bundle } from '../../src/policy/bundle/config.ts';

const SESSION = sessionConfigSchema.parse({ threads: 1 });
const integration = integrationTensor({ steps: 10, solver: 'euler' });
const CAMERAS = [0, 1, 2];

export const weightsOf = ({ folder }: Pick<Bundle, 'folder'>) => join(folder, WEIGHTS_FILE);

/** Samples the golden chunk with a bundle's weights and dimensions: [2, 12, 32] actions. */
async function goldenActions(bundle: Bundle): Promise<Tensor> {
  const weights = weightsOf(bundle);
  const source = externalWeights(await readShardedHeader(weights), weights, weights);
  const path = join(bundle.folder, 'floats.onnx');
  await writeModel(sampleGraph(pi0Of(bundle), source, 'floats', { masked: true }), path);
  const inputs = await goldenTensors('inputs.safetensors');
  const session = await openSession(path, SESSION);
  try {
    const { actions } = await session.run({
      images: stackCameras(CAMERAS.map((i) => inputs(`image.${i}`))),
      camera_mask: stackCameras(CAMERAS.map((i) => inputs(`image_mask.${i}`))),
      tokens: inputs('lang_tokens'),
      token_mask: inputs('lang_masks'),
      state: inputs('state'),
      noise: inputs('noise'),
      integration,
    });
    return actions;
  } finally {
    await session.release();
  }
}

export async function agreesWithGolden(bundle: Bundle, tolerance = 2e-5) {
  const expected = (await goldenTensors('expected.safetensors'))('actions_sampled');
  const difference = largestDifference(await goldenActions(bundle), expected);
  assert.ok(difference <= tolerance, `off by ${difference}, more than ${tolerance}`);
}

/** Samples a chunk of a bundle as the runtime does, from its own `sample.onnx`. */
export async function chunkOf(
  bundle: Bundle,
  trainable?: Trainable,
  session = SESSION,
): Promise<Float32Array> {
  const sampler = await openSampler(bundle, session, { trainable });
  try {
    const images = bundle.cameras.map((_, camera) => ({
      width: 32,
      height: 24,
      pixels: Uint8Array.from({ length: 32 * 24 * 3 }, (__, i) => (i * 7 + camera * 50) % 256),
    }));
    const state = Float64Array.from({ length: 14 }, (_, i) => i / 20);
    const chunk = await sampler.sample({
      images,
      state,
      prompt: 'Transfer cube',
      noise: { seed: 3 },
    });
    return chunk.actions;
  } finally {
    await sampler.close();
  }
}

/** Imports a checkpoint that `make` writes, and hands over what came of it. */
export async function imported(
  make: (folder: string) => Promise<unknown>,
  use: (made: Awaited<ReturnType<typeof importPolicy>>, folder: string) => Promise<void> | void,
  changes: Partial<ImportOptions> = {},
): Promise<void> {
  await withFolder(async (root) => {
    const folder = join(root, 'checkpoint');
    await mkdir(folder);
    await make(folder);
    await use(await importPolicy(folder, options(join(root, 'bundle'), changes)), folder);
  });
}

/** A checkpoint that `make` writes must be refused by an error about this, and nothing be written. */
export async function refused(
  make: (folder: string) => Promise<unknown>,
  about: About,
  changes: Partial<ImportOptions> = {},
): Promise<void> {
  await withFolder(async (root) => {
    const folder = join(root, 'checkpoint');
    const out = join(root, 'bundle');
    await mkdir(folder);
    await make(folder);
    await assertRejectsAbout(importPolicy(folder, options(out, changes)), about);
    await assert.rejects(stat(out), 'something was written');
  });
}

/** Writes lerobot's golden checkpoint, its configuration and tensors changed. */
export const golden =
  (
    config: Record<string, unknown> = {},
    tensors: (all: TensorSource[]) => TensorSource[] = (all) => all,
    parts: { shards?: number; stats?: boolean; tokenizer?: boolean } = {},
  ) =>
  async (folder: string) =>
    writeCheckpoint(folder, {
      tensors: tensors(await lerobotTensors()),
      config: { ...(await goldenJson()), ...config },
      ...parts,
    });

export const renamed = (change: (name: string) => string) => (tensors: TensorSource[]) =>
  tensors.map((tensor) => ({ ...tensor, name: change(tensor.name) }));

/** What openpi's conversion writes, with the sizes that the tensors do not tell. */
export const openpiConfig = async () => {
  const { text_config, vision_config } = (await goldenJson()) as Record<
    string,
    Record<string, number>
  >;
  return {
    action_dim: 32,
    action_horizon: 12,
    paligemma_variant: 'gemma_2b_of_another_size',
    action_expert_variant: 'gemma_300m',
    precision: 'float32',
    text_config: { head_dim: text_config.head_dim },
    vision_config: { num_attention_heads: vision_config.num_attention_heads },
    max_token_len: 8,
  };
};
