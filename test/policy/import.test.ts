import assert from 'node:assert/strict';
import { mkdir, open, readdir, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Tensor } from 'onnxruntime-node';
import { UserError } from '../../src/errors.ts';
import { writeModel } from '../../src/onnx/modelFile.ts';
import { type TensorSource, writeSafetensors } from '../../src/onnx/safetensors.ts';
import { encodeHeader, tensorBytes } from '../../src/onnx/safetensorsHeader.ts';
import { openSession, sessionConfigSchema } from '../../src/onnx/session.ts';
import { readShardedHeader } from '../../src/onnx/shards.ts';
import {
  BUNDLE_FILES,
  type Bundle,
  bundleSchema,
  copyBundle,
  loadBundle,
  randomWeights,
  writeBundle,
} from '../../src/policy/bundle.ts';
import { type ImportOptions, importPolicy } from '../../src/policy/import/importPolicy.ts';
import { type Pi0Config, pi0ConfigSchema } from '../../src/policy/pi0/config.ts';
import { sampleGraph } from '../../src/policy/pi0/graphs.ts';
import { openSampler } from '../../src/policy/sampler.ts';
import { tinyTokenizerJson } from '../../src/policy/tokenizer.ts';
import type { Trainable } from '../../src/policy/trainable.ts';
import {
  externalWeights,
  loadWeights,
  weightShapes,
  weightSources,
} from '../../src/policy/weights.ts';
import { withFolder } from '../onnx/run.ts';
import {
  STATS,
  goldenJson,
  lerobotTensors,
  openpiStats,
  openpiTensors,
  options,
  writeAsset,
  writeCheckpoint,
  writeProcessors,
} from './checkpoints.ts';
import { goldenConfig, goldenTensors, largestDifference, stackCameras } from './golden.ts';

const SESSION = sessionConfigSchema.parse({ threads: 1 });
const STEPS = new Tensor('int64', BigInt64Array.of(10n), []);
const CAMERAS = [0, 1, 2];

const weightsOf = ({ folder }: Pick<Bundle, 'folder'>) => join(folder, BUNDLE_FILES.weights);

/** Samples the golden chunk with a bundle's weights and dimensions: [2, 12, 32] actions. */
async function goldenActions(bundle: Bundle): Promise<Tensor> {
  const weights = weightsOf(bundle);
  const source = externalWeights(await readShardedHeader(weights), weights, weights);
  const path = join(bundle.folder, 'floats.onnx');
  await writeModel(sampleGraph(bundle.pi0, source, 'floats', { masked: true }), path);
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
      steps: STEPS,
    });
    return actions;
  } finally {
    await session.release();
  }
}

async function agreesWithGolden(bundle: Bundle, tolerance = 2e-5) {
  const expected = (await goldenTensors('expected.safetensors'))('actions_sampled');
  const difference = largestDifference(await goldenActions(bundle), expected);
  assert.ok(difference <= tolerance, `off by ${difference}, more than ${tolerance}`);
}

/** Samples a chunk of a bundle as the runtime does, from its own `sample.onnx`. */
async function chunkOf(bundle: Bundle, trainable?: Trainable): Promise<Float32Array> {
  const sampler = await openSampler(bundle, SESSION, trainable);
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
async function imported(
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

/** A checkpoint that `make` writes must be refused with a message that matches, and nothing be written. */
async function refused(
  make: (folder: string) => Promise<unknown>,
  message: RegExp,
  changes: Partial<ImportOptions> = {},
): Promise<void> {
  await withFolder(async (root) => {
    const folder = join(root, 'checkpoint');
    const out = join(root, 'bundle');
    await mkdir(folder);
    await make(folder);
    await assert.rejects(importPolicy(folder, options(out, changes)), (error: Error) => {
      assert.ok(error instanceof UserError, error.stack);
      assert.match(error.message, message);
      return true;
    });
    await assert.rejects(stat(out), 'something was written');
  });
}

/** Writes lerobot's golden checkpoint, its configuration and tensors changed. */
const golden =
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

const renamed = (change: (name: string) => string) => (tensors: TensorSource[]) =>
  tensors.map((tensor) => ({ ...tensor, name: change(tensor.name) }));

/** What openpi's conversion writes, with the sizes that the tensors do not tell. */
const openpiConfig = async () => {
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

const toBfloat16 = ({ data, ...tensor }: TensorSource): TensorSource => ({
  ...tensor,
  dtype: 'BF16',
  data: Uint16Array.from(
    new Uint32Array((data as Float32Array).slice().buffer),
    (bits) => (bits + 0x7fff + ((bits >> 16) & 1)) >>> 16,
  ),
});

describe('an imported policy agrees with the reference implementation', () => {
  it('from a lerobot checkpoint, whose output layer is not its table', () =>
    imported(golden(), async ({ bundle, family }) => {
      assert.equal(family, 'pi0');
      assert.deepEqual(bundle.pi0, await goldenConfig('config.json'));
      await agreesWithGolden(bundle);
    }));

  it('from an openpi export, whose table is stored as its output layer, its sizes read off the tensors', () =>
    imported(
      async (folder) =>
        writeCheckpoint(folder, { tensors: await openpiTensors(), config: await openpiConfig() }),
      async ({ bundle }) => {
        assert.deepEqual(bundle.pi0, await goldenConfig('config.json'));
        await agreesWithGolden(bundle);
      },
    ));

  it('from shards, and copied they are whole too', () =>
    imported(golden({}, undefined, { shards: 3 }), async ({ bundle, files }) => {
      assert.equal(files, 3);
      await agreesWithGolden(bundle);
      const copy = join(bundle.folder, 'copy');
      await copyBundle(bundle, copy);
      const copied = await loadBundle(copy);
      assert.equal(copied.version, bundle.version);
      await agreesWithGolden(copied);
    }));

  it('under the names of older and newer transformers', async () => {
    const older = renamed((name) =>
      name
        .replace('paligemma.model.language_model.', 'paligemma.language_model.model.')
        .replace('paligemma.model.vision_tower.', 'paligemma.vision_tower.')
        .replace('paligemma.model.multi_modal_projector.', 'paligemma.multi_modal_projector.')
        .replace('paligemma.lm_head.', 'paligemma.language_model.lm_head.'),
    );
    const newer = renamed((name) => name.replace('vision_tower.vision_model.', 'vision_tower.'));
    for (const names of [older, newer]) {
      await imported(golden({}, names), ({ bundle }) => agreesWithGolden(bundle));
    }
  });

  it('from bfloat16, as far as its rounding goes', () =>
    imported(
      golden({}, (all) => all.map((one) => (/norm|vision/.test(one.name) ? one : toBfloat16(one)))),
      async ({ bundle, precisions }) => {
        assert.deepEqual([...precisions.keys()].sort(), ['BF16', 'F32']);
        const weights = await loadWeights(weightsOf(bundle), ['action_in_proj.weight']);
        const [bits] = new Uint32Array(weights.get('action_in_proj.weight')!.buffer);
        assert.equal(bits & 0xffff, 0);
        await agreesWithGolden(bundle, 0.1);
        await assert.rejects(agreesWithGolden(bundle), /off by/, 'nothing was rounded');
      },
    ));

  it('through its own sample.onnx, as a bundle made of the same weights', () =>
    withFolder(async (root) => {
      const mid = await goldenJson('mid_config.json');
      const { text_config, expert_config } = mid as Record<string, object>;
      const pi0 = await goldenConfig('mid_config.json');
      pi0.language.depth = pi0.expert.depth = 2;
      const weights = randomWeights(pi0, 5);
      const folder = await writeCheckpoint(join(root, 'checkpoint'), {
        tensors: weights.map((one) => ({ ...one, name: `model.${one.name}` })),
        config: {
          ...mid,
          text_config: { ...text_config, depth: 2 },
          expert_config: { ...expert_config, depth: 2 },
        },
        shards: 2,
      });
      const { bundle } = await importPolicy(folder, options(join(root, 'bundle')));
      assert.deepEqual(bundle.pi0, pi0);
      const { format, name, description, embodiment, cameras, steps, executeSteps, transforms } =
        bundle;
      const own = join(root, 'own');
      await writeBundle(
        own,
        { format, name, description, embodiment, cameras, steps, executeSteps, transforms, pi0 },
        tinyTokenizerJson(),
        weights,
      );
      const chunk = await chunkOf(bundle);
      assert.ok(chunk.every(Number.isFinite));
      assert.deepEqual(chunk, await chunkOf(await loadBundle(own)));
    }));
});

describe('the weights of an imported policy', () => {
  it('are the checkpoint’s own files, and outlive it', () =>
    imported(golden(), async ({ bundle, placement }, folder) => {
      assert.equal(placement, 'linked');
      const file = join(folder, 'model.safetensors');
      assert.equal((await stat(file)).ino, (await stat(weightsOf(bundle))).ino);
      await rm(folder, { recursive: true });
      await agreesWithGolden(await loadBundle(bundle.folder));
    }));

  it('are found behind the symbolic links of a download cache', () =>
    imported(
      async (folder) => {
        const blobs = join(folder, '../blobs');
        await golden()(blobs);
        for (const name of await readdir(blobs)) {
          await symlink(join('../blobs', name), join(folder, name));
        }
      },
      ({ bundle }) => agreesWithGolden(bundle),
    ));

  it('are copied where that is asked for', () =>
    imported(
      golden(),
      async ({ bundle, placement }, folder) => {
        assert.equal(placement, 'copied');
        const file = join(folder, 'model.safetensors');
        assert.notEqual((await stat(file)).ino, (await stat(weightsOf(bundle))).ino);
        await agreesWithGolden(bundle);
      },
      { copy: true },
    ));

  it('may be given as the file itself, or lie where lerobot’s training leaves them', () =>
    withFolder(async (root) => {
      await golden()(join(root, 'last/pretrained_model'));
      for (const path of ['last', 'last/pretrained_model/model.safetensors']) {
        const out = join(root, 'bundle');
        const { bundle } = await importPolicy(join(root, path), options(out, { force: true }));
        assert.equal(bundle.pi0.horizon, 12);
      }
    }));

  it('are what learns, or is frozen, as in any bundle', () =>
    imported(golden({}, undefined, { shards: 2 }), async ({ bundle }) => {
      const chunk = await chunkOf(bundle);
      for (const parameters of ['expert', 'all'] as const) {
        const learning = await chunkOf(bundle, { parameters });
        const apart = chunk.reduce(
          (most, value, i) => Math.max(most, Math.abs(value - learning[i])),
          0,
        );
        assert.ok(apart < 1e-4, `${parameters}: off by ${apart}`);
      }
    }));

  it('can be written anew in one file, tensor by tensor', () =>
    imported(
      async (folder) =>
        writeCheckpoint(folder, {
          tensors: await openpiTensors(),
          config: await openpiConfig(),
          shards: 2,
        }),
      async ({ bundle }) => {
        const { folder } = bundle;
        const config = bundleSchema.strip().parse(bundle);
        const anew = join(folder, 'anew');
        const weights = await weightSources(weightsOf(bundle), bundle.pi0);
        await writeBundle(anew, config, tinyTokenizerJson(), weights);
        const written = await loadBundle(anew);
        const { files, tensors } = await readShardedHeader(weightsOf(written));
        assert.deepEqual(files, [weightsOf(written)]);
        assert.deepEqual([...tensors.keys()], [...weightShapes(bundle.pi0).keys()]);
        await agreesWithGolden(written);
      },
    ));

  it('take no room and little time and memory at full size', () =>
    withFolder(async (root) => {
      const gemma = { depth: 18, heads: 8, kvHeads: 1, headDim: 256 };
      const full: Pi0Config = pi0ConfigSchema.parse({
        vision: { width: 1152, depth: 27, mlp: 4304, heads: 16, patch: 14, imageSize: 224 },
        language: { ...gemma, width: 2048, mlp: 16384, vocabulary: 257152 },
        expert: { ...gemma, width: 1024, mlp: 4096 },
        maxTokens: 48,
        horizon: 50,
        actionDim: 32,
        stateDim: 32,
      });
      const tensors = [...weightShapes(full)].map(([name, shape]) => ({
        name: `model.${name}`,
        shape: shape as number[],
        dtype: 'F32' as const,
      }));
      const folder = await writeCheckpoint(join(root, 'checkpoint'), {
        tensors: [],
        config: { type: 'pi0', paligemma_variant: 'gemma_2b', chunk_size: 50 },
      });
      // Zeros that take no room on the disk.
      const header = encodeHeader(tensors, {});
      const file = await open(join(folder, 'model.safetensors'), 'w');
      await file.write(header);
      const bytes = tensors.reduce((sum, { dtype, shape }) => sum + tensorBytes(dtype, shape), 0);
      await file.truncate(header.length + bytes);
      await file.close();

      const before = process.memoryUsage().rss;
      const begun = performance.now();
      const { bundle, parameters } = await importPolicy(folder, options(join(root, 'bundle')));
      const seconds = (performance.now() - begun) / 1000;
      const grown = process.memoryUsage().rss - before;
      assert.deepEqual(bundle.pi0, full);
      assert.ok(bytes > 12e9 && parameters > 3.1e9);
      assert.ok(seconds < 30, `${seconds} s`);
      assert.ok(grown < 500e6, `${grown} bytes more`);
    }));
});

describe('the statistics of an imported policy', () => {
  const meanStd = (convention: 'openpi' | 'lerobot') => ({
    type: 'meanStd',
    convention,
    state: { mean: STATS.state.mean, std: STATS.state.std },
    actions: { mean: STATS.actions.mean, std: STATS.actions.std },
  });
  const none = golden({}, undefined, { stats: false });

  it('come from openpi’s assets', () =>
    imported(golden(), ({ bundle }) => {
      assert.deepEqual(bundle.transforms, [meanStd('openpi')]);
    }));

  it('come from openpi’s assets that are padded to the policy’s width', () =>
    imported(
      async (folder) => {
        await none(folder);
        await writeAsset(folder, 'trossen', openpiStats(32));
      },
      ({ bundle }) => assert.deepEqual(bundle.transforms, [meanStd('openpi')]),
    ));

  it('come from lerobot’s processors, before assets', () =>
    imported(
      async (folder) => {
        await golden()(folder);
        await writeProcessors(folder);
      },
      ({ bundle, statistics }) => {
        assert.deepEqual(bundle.transforms, [meanStd('lerobot')]);
        assert.match(statistics, /normalizer_processor\.safetensors$/);
      },
    ));

  it('come from buffers among the weights, as lerobot once kept them', () =>
    imported(
      golden(
        {},
        (all) => [
          ...all,
          ...Object.entries({
            'normalize_inputs.buffer_observation_state': STATS.state,
            'normalize_targets.buffer_action': STATS.actions,
            'unnormalize_outputs.buffer_action': STATS.actions,
          }).flatMap(([buffer, { mean, std }]) =>
            Object.entries({ mean, std }).map(([statistic, values]) => ({
              name: `${buffer}.${statistic}`,
              shape: [14],
              data: Float32Array.from(values),
            })),
          ),
        ],
        { stats: false },
      ),
      ({ bundle }) => assert.deepEqual(bundle.transforms, [meanStd('lerobot')]),
    ));

  it('come from a file, before all else: openpi’s, or a lerobot data set’s', async () => {
    const files = {
      openpi: openpiStats(),
      lerobot: { 'observation.state': STATS.state, action: STATS.actions, index: { min: [0] } },
    };
    for (const convention of ['openpi', 'lerobot'] as const) {
      await withFolder(async (root) => {
        const stats = join(root, 'stats.json');
        await writeFile(stats, JSON.stringify(files[convention]));
        await imported(
          none,
          ({ bundle }) => assert.deepEqual(bundle.transforms, [meanStd(convention)]),
          {
            stats,
          },
        );
      });
    }
  });

  it('are quantiles where the configuration says so', () =>
    imported(
      async (folder) => {
        await golden({ normalization_mapping: { STATE: 'QUANTILES', ACTION: 'QUANTILES' } })(
          folder,
        );
        await writeProcessors(folder);
      },
      ({ bundle }) =>
        assert.deepEqual(bundle.transforms, [
          {
            type: 'quantile',
            state: { q01: STATS.state.q01, q99: STATS.state.q99 },
            actions: { q01: STATS.actions.q01, q99: STATS.actions.q99 },
          },
        ]),
    ));

  it('are refused where there are none, with what can be given', () =>
    refused(
      none,
      /no normalisation statistics[\s\S]*--stats FILE: norm_stats\.json[\s\S]*stats\.json/,
    ));

  it('are refused where a base policy has buffers that nobody has filled', () =>
    refused(
      golden(
        {},
        (all) => [
          ...all,
          {
            name: 'normalize_inputs.buffer_observation_state.mean',
            shape: [14],
            data: new Float32Array(14).fill(Infinity),
          },
        ],
        { stats: false },
      ),
      /no normalisation statistics/,
    ));

  it('are refused where there are those of several robots, with all of them', () =>
    refused(async (folder) => {
      await golden()(folder);
      await writeAsset(folder, 'droid', openpiStats());
    }, /several robots; say which with --stats:[\s\S]*droid[\s\S]*trossen/));

  it('are refused where they are of another robot', () => {
    const moments = { mean: [0.1, 0.2, 0.3, 0, 0, 0, 1, 2], std: [1, 1, 1, 1, 1, 1, 1, 1] };
    return refused(async (folder) => {
      await none(folder);
      await writeAsset(folder, 'libero', { norm_stats: { state: moments, actions: moments } });
    }, /libero.*another robot: mean of the state is of 8 joints, aloha has 14.*--stats/);
  });

  it('are refused where the checkpoint names another robot’s joints', () =>
    refused(
      golden({ action_feature_names: ['shoulder_pan.pos', 'shoulder_lift.pos', 'gripper.pos'] }),
      /another robot than aloha:[\s\S]*joint 0: shoulder_pan in the place of left_waist[\s\S]*joint 13: none/,
    ));

  it('are refused where the file that the preprocessor names is not there', () =>
    refused(async (folder) => {
      await none(folder);
      await writeProcessors(folder);
      await rm(join(folder, 'policy_postprocessor_step_0_unnormalizer_processor.safetensors'));
    }, /policy_postprocessor\.json keeps its statistics in .*not there; fetch it/));
});

describe('what a policy’s vectors mean', () => {
  const open = { adaptToPi: undefined, deltaActions: undefined };
  const kinds = ({ transforms }: Bundle) =>
    transforms.map((one) => (one.type === 'deltaActions' ? one.mask.join() : one.type));

  it('must be said where the checkpoint does not, and the error lists both choices', () =>
    refused(
      golden(),
      /Say what it was trained with:[\s\S]*--adapt-to-pi [\s\S]*--no-adapt-to-pi [\s\S]*--delta-actions [\s\S]*--no-delta-actions /,
      open,
    ));

  it('is read from lerobot’s older configuration, and told', () =>
    imported(
      golden({
        adapt_to_pi_aloha: true,
        use_delta_joint_actions_aloha: true,
        proj_width: 48,
        num_steps: 7,
        num_inference_steps: null,
      }),
      ({ bundle, adapt, delta }) => {
        assert.deepEqual(kinds(bundle), ['aloha', '6,-1,6,-1', 'meanStd']);
        assert.deepEqual(bundle.transforms[0], { type: 'aloha', convention: 'lerobot' });
        assert.match(adapt.by, /adapt_to_pi_aloha/);
        assert.match(delta.by, /use_delta_joint_actions_aloha/);
        assert.equal(bundle.steps, 7);
      },
      open,
    ));

  it('is what the user says, whatever the configuration does', () =>
    imported(
      golden({ adapt_to_pi_aloha: false, use_relative_actions: true }),
      ({ bundle }) => assert.deepEqual(kinds(bundle), ['aloha', 'meanStd']),
      { adaptToPi: true, deltaActions: false },
    ));

  it('may be relative in all joints, where lerobot leaves none absolute', () =>
    imported(
      golden({ use_relative_actions: true, relative_exclude_joints: [] }),
      ({ bundle }) => assert.deepEqual(kinds(bundle), ['14', 'meanStd']),
      { adaptToPi: false, deltaActions: undefined },
    ));
});

describe('the cameras of an imported policy', () => {
  const visual = { type: 'VISUAL', shape: [3, 224, 224] };
  const features = {
    'observation.images.base_0_rgb': visual,
    'observation.images.left_wrist_0_rgb': visual,
    'observation.images.right_wrist_0_rgb': visual,
    'observation.images.empty_camera_0': visual,
    'observation.state': { type: 'STATE', shape: [14] },
  };
  const ALOHA = ['cam_high', 'cam_left_wrist', 'cam_right_wrist'];

  it('are those of its configuration, by the robot’s names', () =>
    imported(golden({ input_features: features }), ({ bundle, cameras }) => {
      assert.deepEqual(bundle.cameras, ALOHA);
      assert.match(cameras.by, /input_features/);
    }));

  it('are openpi’s for the robot where the configuration has none', () =>
    imported(golden(), ({ bundle }) => assert.deepEqual(bundle.cameras, ALOHA)));

  it('are what the user says', () =>
    imported(
      golden({ input_features: features }),
      ({ bundle }) => assert.deepEqual(bundle.cameras, ['top']),
      {
        cameras: ['top'],
      },
    ));
});

describe('an import is refused, with the remedy, for', () => {
  it('something that is not there', () =>
    refused((folder) => rm(folder, { recursive: true }), /no such checkpoint/));

  it('a folder without weights', () =>
    refused(
      () => Promise.resolve(),
      /neither model\.safetensors nor .*index\.json is there\. Give/,
    ));

  it('openpi’s JAX checkpoints', () =>
    refused(
      (folder) => mkdir(join(folder, 'params')),
      /JAX checkpoint of openpi\. Convert it .*convert_jax_model_to_pytorch\.py/,
    ));

  it('a LoRA adapter alone', () =>
    refused(
      (folder) => writeFile(join(folder, 'adapter_model.safetensors'), ''),
      /LoRA adapter.*Merge/,
    ));

  it('other families, by their configuration', async () => {
    const types = {
      smolvla: 'SmolVLA',
      act: 'ACT',
      diffusion: 'diffusion policy',
      pi0_fast: 'π0-FAST',
    };
    for (const [type, title] of Object.entries(types)) {
      await refused(golden({ type }), new RegExp(`family ${title}; Nalu imports π0`));
    }
  });

  it('other families, by their tensors', async () => {
    const tensors = {
      SmolVLA: 'model.vlm_with_expert.lm_expert.layers.0.self_attn.q_proj.weight',
      ACT: 'model.encoder.layers.0.linear1.weight',
      'diffusion policy': 'diffusion.unet.mid_modules.0.weight',
      'π0-FAST': 'model.pi0_paligemma.lm_head.weight',
    };
    for (const [title, name] of Object.entries(tensors)) {
      await refused(
        (folder) =>
          writeSafetensors(join(folder, 'model.safetensors'), [
            { name, shape: [1], data: new Float32Array(1) },
          ]),
        new RegExp(`family ${title}; Nalu imports π0`),
      );
    }
  });

  it('π0.5, by its configuration or its adaptive norms', async () => {
    const adaptive = renamed((name) =>
      name.replace(/(gemma_expert.*input_layernorm)\.weight/, '$1.dense.weight'),
    );
    await refused(golden({ type: 'pi05' }, adaptive), /is a π0\.5/);
    await refused(golden({ type: null }, adaptive), /is a π0\.5/);
    await refused(golden({ type: 'pi05' }), /config\.json says pi05, but the tensors.*pi0;/);
  });

  it('tensors that are missing, misshapen or surplus, all listed at once', () =>
    refused(
      golden({ max_action_dim: 16 }, (all) => [
        ...all.filter(({ name }) => name !== 'model.state_proj.bias'),
        { name: 'model.value_head.weight', shape: [1], data: new Float32Array(1) },
      ]),
      /state_proj\.bias is missing \(\[48\]\)[\s\S]*action_in_proj\.weight is \[48, 32\], the configuration makes it \[48, 16\][\s\S]*model\.value_head\.weight is none of/,
    ));

  it('weights that are no floating-point numbers', () =>
    refused(
      golden({}, (all) =>
        all.map((one) =>
          one.name === 'model.state_proj.bias'
            ? { ...one, dtype: 'I32' as const, data: new Int32Array(48) }
            : one,
        ),
      ),
      /state_proj\.bias holds I32/,
    ));

  it('LoRA adapters that are not merged', () =>
    refused(
      golden({}, (all) => [
        ...all,
        {
          name: 'model.action_in_proj.lora_A.default.weight',
          shape: [1],
          data: new Float32Array(1),
        },
      ]),
      /lora_A[\s\S]*Merge LoRA adapters/,
    ));

  it('sizes that neither its configuration nor its tensors say, all listed at once', () =>
    refused(
      async (folder) => writeCheckpoint(folder, { tensors: await openpiTensors() }),
      /add to that file[\s\S]*text_config\.head_dim[\s\S]*vision_config\.num_attention_heads[\s\S]*chunk_size/,
    ));

  it('a configuration with wrong values, each named', () =>
    refused(
      golden({ chunk_size: 'fifty', max_state_dim: 0 }),
      /config\.json: chunk_size[\s\S]*max_state_dim/,
    ));

  it('shards that are cut short or missing, all of them named', () =>
    refused(async (folder) => {
      await golden({}, undefined, { shards: 3 })(folder);
      await truncate(join(folder, 'model-00001-of-00003.safetensors'), 100_000);
      await rm(join(folder, 'model-00003-of-00003.safetensors'));
    }, /names 3 files, of which 2 cannot be read; fetch these again:[\s\S]*00001-of-00003.*cut short[\s\S]*00003-of-00003.*cannot be opened/));

  it('an index of other files than those beside it', () =>
    refused(async (folder) => {
      await golden({}, undefined, { shards: 2 })(folder);
      await writeSafetensors(join(folder, 'model-00002-of-00002.safetensors'), []);
    }, /index\.json does not belong to the files beside it[\s\S]*is not in model-00002-of-00002/));

  it('an index that leads out of its folder', () =>
    refused(
      (folder) =>
        writeFile(
          join(folder, 'model.safetensors.index.json'),
          JSON.stringify({ weight_map: { a: '../secret.safetensors' } }),
        ),
      /weight_map\.a: is no name of a \.safetensors file beside/,
    ));

  it('a file that is cut short', () =>
    refused(async (folder) => {
      await golden()(folder);
      await truncate(join(folder, 'model.safetensors'), 1_000_000);
    }, /model\.safetensors.*cut short/));

  it('no tokenizer, with where PaliGemma’s is', () =>
    refused(
      golden({}, undefined, { tokenizer: false }),
      /--tokenizer FILE.*google\/paligemma-3b-pt-224/,
    ));

  const withTokenizer = (change: (json: Tokenizer) => void) => async (folder: string) => {
    await golden()(folder);
    const json = JSON.parse(tinyTokenizerJson()) as Tokenizer;
    change(json);
    await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(json));
  };
  interface Tokenizer {
    model: { vocab: Record<string, number> };
    added_tokens: { id: number; content: string; special: boolean }[];
  }

  it('a tokenizer whose ids are beyond the policy’s table', () =>
    refused(
      withTokenizer(({ model }) => (model.vocab.x = 512)),
      /ids go up to 512, but the policy's table has 512 rows; .*PaliGemma/,
    ));

  it('a tokenizer that begins no prompts', () =>
    refused(
      withTokenizer((json) => {
        json.added_tokens = json.added_tokens.filter(({ content }) => content !== '<bos>');
        delete json.model.vocab['<bos>'];
      }),
      /has no token <bos>/,
    ));

  it('but not for PaliGemma’s image token, which lies beyond the table and in no prompt', () =>
    imported(
      withTokenizer(({ added_tokens }) =>
        added_tokens.push({ ...added_tokens[0], id: 512, content: '<image>' }),
      ),
      ({ bundle }) => chunkOf(bundle).then((chunk) => assert.ok(chunk.every(Number.isFinite))),
    ));

  it('a folder that holds a bundle, unless it is to be replaced', () =>
    imported(golden({}, undefined, { shards: 2 }), async ({ bundle }, folder) => {
      await assert.rejects(
        importPolicy(folder, options(bundle.folder)),
        /bundle already;.*--force/,
      );
      await assert.rejects(
        importPolicy(bundle.folder, options(folder)),
        /is a policy bundle already/,
      );
      await assert.rejects(importPolicy(folder, options(folder)), /the checkpoint itself/);
      const single = join(folder, '../single');
      await golden()(single);
      const again = await importPolicy(single, options(bundle.folder, { force: true }));
      const left = await readdir(bundle.folder);
      assert.ok(!left.some((file) => file.includes('-of-')), left.join());
      await agreesWithGolden(again.bundle);
    }));
});
