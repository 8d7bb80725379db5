import { pi0Of } from './pi0Of.ts';
import assert from 'node:assert/strict';
import { open, readFile, readdir, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type TensorSource } from '../../src/tensors/safetensors.ts';
import { encodeHeader, tensorBytes } from '../../src/tensors/safetensorsHeader.ts';
import { readShardedHeader } from '../../src/tensors/shards.ts';
import { copyBundle, loadBundle, writeBundle } from '../../src/policy/bundle/bundle.ts';
import { importPolicy } from '../../src/policy/families/importers.ts';
import { randomWeights } from '../../src/policy/families/pi0/randomWeights.ts';
import { FULL } from '../../src/policy/families/pi0/full.ts';
import { pi0ConfigSchema } from '../../src/policy/families/pi0/config.ts';
import { tinyFiles } from '../../src/policy/paligemma/tokenizer.ts';
import { loadWeights } from '../../src/policy/paligemma/weights.ts';
import { weightShapes } from '../../src/policy/families/pi0/weights.ts';
import { weightSources } from '../../src/policy/paligemma/weights.ts';
import { withFolder } from '../onnx/run.ts';
import { STATS, goldenJson, openpiTensors, options, writeCheckpoint } from './checkpoints.ts';
import { goldenConfig } from './golden.ts';

import {
  agreesWithGolden,
  chunkOf,
  golden,
  imported,
  openpiConfig,
  renamed,
  weightsOf,
} from './importing.ts';
import { configOf } from '../../src/policy/bundle/config.ts';
import { assertRejectsAbout } from '../refusals.ts';

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
      assert.deepEqual(pi0Of(bundle), await goldenConfig('config.json'));
      await agreesWithGolden(bundle);
    }));

  it('from an openpi export, whose table is stored as its output layer, its sizes read off the tensors', () =>
    imported(
      async (folder) =>
        writeCheckpoint(folder, { tensors: await openpiTensors(), config: await openpiConfig() }),
      async ({ bundle }) => {
        assert.deepEqual(pi0Of(bundle), await goldenConfig('config.json'));
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

  it('under the names that older and newer checkpoints give the same tensors', async () => {
    const older = renamed((name) =>
      name
        .replace('paligemma.model.language_model.', 'paligemma.language_model.model.')
        .replace('paligemma.model.vision_tower.', 'paligemma.vision_tower.')
        .replace('paligemma.model.multi_modal_projector.', 'paligemma.multi_modal_projector.')
        .replace('paligemma.lm_head.', 'paligemma.language_model.lm_head.')
        .replace('action_time_mlp_', 'time_mlp_'),
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
      assert.deepEqual(pi0Of(bundle), pi0);
      const own = join(root, 'own');
      await writeBundle(own, configOf(bundle), tinyFiles(), weights);
      const chunk = await chunkOf(bundle);
      assert.ok(chunk.every(Number.isFinite));
      assert.deepEqual(chunk, await chunkOf(await loadBundle(own)));
    }));
});

describe('a π0.5', () => {
  it('is told by its adaptive norms, with quantiles and the state in its prompt', () =>
    withFolder(async (root) => {
      const pi0 = pi0ConfigSchema.parse({
        ...(await goldenConfig('config.json')),
        variant: 'pi05',
        maxTokens: 200,
      });
      const config = { ...(await goldenJson()), tokenizer_max_length: undefined };
      const stats = join(root, 'norm_stats.json');
      await writeFile(stats, JSON.stringify({ norm_stats: STATS }));
      for (const type of ['pi05', null]) {
        const weights = randomWeights(pi0, 5);
        const folder = await writeCheckpoint(join(root, `checkpoint-${type}`), {
          tensors: weights.map((one) => ({ ...one, name: `model.${one.name}` })),
          config: { ...config, type },
          stats: false,
        });
        const { bundle, family } = await importPolicy(
          folder,
          options(join(root, `bundle-${type}`), { stats }),
        );
        assert.equal(family, 'pi05');
        assert.deepEqual(pi0Of(bundle), pi0);
        assert.equal(bundle.transforms.at(-1)?.type, 'quantile');
        assert.ok((await chunkOf(bundle)).every(Number.isFinite));
      }
    }));
});

describe('the weights of an imported policy', () => {
  it('stay as they are when the checkpoint is written anew in place, and outlive it', () =>
    imported(golden(), async ({ bundle, placement }, folder) => {
      assert.equal(placement, 'copied');
      const file = join(folder, 'model.safetensors');
      await writeFile(file, (await readFile(file)).fill(0, 100_000));
      await agreesWithGolden(await loadBundle(bundle.folder));
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
        assert.equal(pi0Of(bundle).horizon, 12);
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
        const config = configOf(bundle);
        const anew = join(folder, 'anew');
        const weights = await weightSources(weightsOf(bundle), weightShapes(pi0Of(bundle)));
        await writeBundle(anew, config, tinyFiles(), weights);
        const written = await loadBundle(anew);
        const { files, tensors } = await readShardedHeader(weightsOf(written));
        assert.deepEqual(files, [weightsOf(written)]);
        assert.deepEqual([...tensors.keys()], [...weightShapes(pi0Of(bundle)).keys()]);
        await agreesWithGolden(written);
      },
    ));

  it('take no room and little time and memory at full size, and are known again', () =>
    withFolder(async (root) => {
      const full = FULL.architecture;
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
      const { bundle, parameters, placement } = await importPolicy(folder, options(join(root, 'bundle'))); // prettier-ignore
      const seconds = (performance.now() - begun) / 1000;
      const grown = process.memoryUsage().rss - before;
      assert.deepEqual(pi0Of(bundle), full);
      assert.ok(bytes > 12e9 && parameters > 3.1e9);
      assert.ok(seconds < 30, `${seconds} s`);
      assert.ok(grown < 500e6, `${grown} bytes more`);

      if (placement === 'cloned') return;
      assert.equal(placement, 'linked');
      const path = weightsOf(bundle);
      await utimes(path, 0, 0);
      assert.equal((await loadBundle(bundle.folder)).version, bundle.version);
      const last = (await readShardedHeader(path)).tensors.get('model.action_out_proj.bias')!;
      const checkpoint = await open(join(folder, 'model.safetensors'), 'r+');
      await checkpoint.write(Buffer.alloc(last.bytes, 1), 0, last.bytes, last.offset);
      await checkpoint.close();
      await assertRejectsAbout(loadBundle(bundle.folder), { kind: 'mismatch', subject: path });
    }));
});
