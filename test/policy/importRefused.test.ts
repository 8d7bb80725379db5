import assert from 'node:assert/strict';
import { mkdir, open, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type TensorSource, writeSafetensors } from '../../src/tensors/safetensors.ts';
import { encodeHeader, tensorBytes } from '../../src/tensors/safetensorsHeader.ts';
import { FULL } from '../../src/policy/families/pi0/full.ts';
import { loadBundle } from '../../src/policy/bundle/bundle.ts';
import { weightShapes } from '../../src/policy/families/pi0/weights.ts';
import { withFolder } from '../onnx/run.ts';
import { importPolicy } from '../../src/policy/families/importers.ts';
import { makeGolden } from '../../src/policy/bundle/verification.ts';
import { sessionConfigSchema } from '../../src/session/session.ts';
import { tinyTokenizerJson } from '../../src/policy/paligemma/tokenizer.ts';
import { openpiTensors, options, writeCheckpoint } from './checkpoints.ts';

import { agreesWithGolden, chunkOf, golden, imported, refused, renamed } from './importing.ts';
import { assertRejectsAbout } from '../refusals.ts';

describe('an import is refused, with the remedy, for', () => {
  it('something that is not there', () =>
    refused((folder) => rm(folder, { recursive: true }), {
      kind: 'missing',
      subject: 'checkpoint',
    }));

  it('a folder without weights', () =>
    refused(() => Promise.resolve(), {
      kind: 'missing',
      subject: 'checkpoint',
      names: ['model.safetensors', 'model.safetensors.index.json'],
    }));

  it('openpi’s JAX checkpoints', () =>
    refused((folder) => mkdir(join(folder, 'params')), {
      kind: 'unsupported',
      subject: 'checkpoint',
      names: ['convert_jax_model_to_pytorch.py'],
    }));

  it('other families, by their configuration', async () => {
    const types = {
      smolvla: 'SmolVLA',
      act: 'ACT',
      diffusion: 'diffusion policy',
      pi0fast: 'π0-FAST of lerobot 0.1 to 0.3',
    };
    for (const [type, title] of Object.entries(types)) {
      await refused(golden({ type }), {
        kind: 'unsupported',
        subject: 'checkpoint',
        names: [title],
      });
    }
  });

  it('other families, by their tensors', async () => {
    const tensors = {
      SmolVLA: 'model.vlm_with_expert.lm_expert.layers.0.self_attn.q_proj.weight',
      ACT: 'model.encoder.layers.0.linear1.weight',
      'diffusion policy': 'diffusion.unet.mid_modules.0.weight',
      'π0-FAST of lerobot 0.1 to 0.3': 'model.pi0_paligemma.lm_head.weight',
    };
    for (const [title, name] of Object.entries(tensors)) {
      await refused(
        (folder) =>
          writeSafetensors(join(folder, 'model.safetensors'), [
            { name, shape: [1], data: new Float32Array(1) },
          ]),
        { kind: 'unsupported', subject: 'checkpoint', names: [title] },
      );
    }
  });

  it('tensors of one family beside the configuration of the other', async () => {
    for (const type of ['pi05', 'pi0_fast'])
      await refused(golden({ type }), {
        kind: 'mismatch',
        subject: 'config.json',
        fields: ['type'],
        names: [type, 'pi0'],
      });
  });

  it('a π0.5 with a memory of earlier observations', async () => {
    const adaptive = renamed((name) =>
      name.replace(/(gemma_expert.*input_layernorm)\.weight/, '$1.dense.weight'),
    );
    await refused(golden({ type: 'pi05', use_visual_memory: true }, adaptive), { kind: 'unsupported', subject: 'config.json', fields: ['use_visual_memory'] }); // prettier-ignore
  });

  it('tensors that are missing, misshapen or surplus, all listed at once', () =>
    refused(
      golden({ max_action_dim: 16 }, (all) => [
        ...all.filter(({ name }) => name !== 'model.state_proj.bias'),
        { name: 'model.value_head.weight', shape: [1], data: new Float32Array(1) },
      ]),
      {
        kind: 'mismatch',
        subject: 'checkpoint',
        names: [
          'state_proj.bias',
          '[48]',
          'action_in_proj.weight',
          '[48, 32]',
          '[48, 16]',
          'model.value_head.weight',
        ],
      },
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
      { kind: 'mismatch', subject: 'checkpoint', names: ['state_proj.bias', 'I32'] },
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
      {
        kind: 'mismatch',
        subject: 'checkpoint',
        names: ['model.action_in_proj.lora_A.default.weight', 'merge_and_unload'],
      },
    ));

  it('sizes that neither its configuration nor its tensors say, all listed at once', () =>
    refused(async (folder) => writeCheckpoint(folder, { tensors: await openpiTensors() }), {
      kind: 'invalid',
      subject: 'config.json',
      fields: ['text_config.head_dim', 'vision_config.num_attention_heads', 'chunk_size'],
    }));

  it('a configuration with wrong values, each named', () =>
    refused(golden({ chunk_size: 'fifty', max_state_dim: 0 }), {
      kind: 'invalid',
      subject: 'config.json',
      fields: ['chunk_size', 'max_state_dim'],
    }));

  it('a policy without its table, which is named', () =>
    refused(
      golden({ vocab_size: null }, (all) =>
        all.filter(({ name }) => !/embed_tokens|paligemma\.lm_head/.test(name)),
      ),
      { kind: 'mismatch', subject: 'checkpoint', names: ['π0'] },
    ));

  it('more Euler steps than a bundle may have, by the field', () =>
    refused(golden({ num_inference_steps: 2000 }), {
      kind: 'invalid',
      subject: 'config.json',
      fields: ['num_inference_steps'],
    }));

  it('more rows to play than a chunk has', () =>
    refused(
      golden(),
      { kind: 'invalid', fields: ['--execute'], names: ['13', '12'] },
      { execute: 13 },
    ));

  it('a weight that is not finite, of any type, by its name', async () => {
    const broken: Record<string, TensorSource['data']> = {
      F32: new Float32Array(48).fill(-Infinity, 7, 8),
      F16: new Uint16Array(48).fill(0x7c01, 7, 8),
      BF16: new Uint16Array(48).fill(0xff80, 7, 8),
    };
    for (const [dtype, data] of Object.entries(broken)) {
      await refused(
        golden({}, (all) =>
          all.map((one) =>
            one.name === 'model.state_proj.bias'
              ? { ...one, dtype: dtype as 'F32' | 'F16' | 'BF16', data }
              : one,
          ),
        ),
        {
          kind: 'invalid',
          subject: 'model.safetensors',
          fields: ['state_proj.bias'],
          names: ['7'],
        },
      );
    }
  });

  it('a large policy whose tensors are spoilt, without reading all of it', () =>
    withFolder(async (root) => {
      const full = FULL.architecture;
      const tensors = [...weightShapes(full)].map(([name, shape]) => ({
        name: `model.${name}`,
        shape: shape as number[],
        dtype: 'BF16' as const,
      }));
      const folder = await writeCheckpoint(join(root, 'checkpoint'), {
        tensors: [],
        config: { type: 'pi0', paligemma_variant: 'gemma_2b', chunk_size: 50 },
      });
      const header = encodeHeader(tensors, {});
      const bytes = tensors.reduce((sum, { dtype, shape }) => sum + tensorBytes(dtype, shape), 0);
      const file = await open(join(folder, 'model.safetensors'), 'w');
      await file.write(header);
      // Zeros that take no room on the disk, and a NaN at the end of the last tensor.
      await file.truncate(header.length + bytes);
      await file.write(Uint8Array.of(0xc0, 0x7f), 0, 2, header.length + bytes - 2);
      await file.close();
      const last = tensors[tensors.length - 1].name.replace('model.', '');
      await assertRejectsAbout(importPolicy(folder, options(join(root, 'bundle'))), {
        kind: 'invalid',
        subject: 'model.safetensors',
        fields: [last],
      });
    }));

  it('weights of types that cannot be joined, with what converts them', () =>
    refused(
      golden({}, (all) =>
        all.map((one) =>
          one.name.endsWith('gemma_expert.model.layers.0.self_attn.q_proj.weight')
            ? { ...one, dtype: 'BF16' as const, data: new Uint16Array(128 * 48) }
            : one,
        ),
      ),
      { kind: 'unsaid', subject: 'model.safetensors', fields: ['--precision'] },
    ));

  it('files that Git LFS has left a pointer of', async () => {
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 14000000000\n`;
    const files = [
      'model.safetensors',
      'config.json',
      'tokenizer.json',
      'assets/trossen/norm_stats.json',
    ];
    for (const file of files) {
      await refused(
        async (folder) => {
          await golden()(folder);
          await writeFile(join(folder, file), pointer);
        },
        { kind: 'invalid', subject: file, names: ['git lfs pull'] },
      );
    }
  });

  it('a configuration with numbers that only Python writes, by the field', () =>
    refused(
      async (folder) => {
        await golden()(folder);
        await writeFile(
          join(folder, 'config.json'),
          '{"type": "pi0", "note": "NaN", "optimizer_betas": [0.9, NaN]}',
        );
      },
      { kind: 'invalid', subject: 'config.json', names: ['optimizer_betas[1]'] },
    ));

  it('shards that are cut short or missing, all of them named', () =>
    refused(
      async (folder) => {
        await golden({}, undefined, { shards: 3 })(folder);
        await truncate(join(folder, 'model-00001-of-00003.safetensors'), 100_000);
        await rm(join(folder, 'model-00003-of-00003.safetensors'));
      },
      { kind: 'missing', subject: 'model.safetensors.index.json', names: ['3', '2'] },
    ));

  it('an index of other files than those beside it', () =>
    refused(
      async (folder) => {
        await golden({}, undefined, { shards: 2 })(folder);
        await writeSafetensors(join(folder, 'model-00002-of-00002.safetensors'), []);
      },
      {
        kind: 'mismatch',
        subject: 'model.safetensors.index.json',
        names: ['model-00002-of-00002.safetensors'],
      },
    ));

  it('an index that leads out of its folder', () =>
    refused(
      (folder) =>
        writeFile(
          join(folder, 'model.safetensors.index.json'),
          JSON.stringify({ weight_map: { a: '../secret.safetensors' } }),
        ),
      { kind: 'invalid', subject: 'model.safetensors.index.json', fields: ['weight_map.a'] },
    ));

  it('a file that is cut short', () =>
    refused(
      async (folder) => {
        await golden()(folder);
        await truncate(join(folder, 'model.safetensors'), 1_000_000);
      },
      { kind: 'invalid', subject: 'model.safetensors' },
    ));

  it('no tokenizer, with where PaliGemma’s is', () =>
    refused(golden({}, undefined, { tokenizer: false }), {
      kind: 'missing',
      subject: 'tokenizer.json',
      fields: ['--tokenizer'],
      names: ['google/paligemma-3b-pt-224'],
    }));

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
      { kind: 'mismatch', subject: 'tokenizer.json', names: ['512', 'google/paligemma-3b-pt-224'] },
    ));

  it('a tokenizer that begins no prompts', () =>
    refused(
      withTokenizer((json) => {
        json.added_tokens = json.added_tokens.filter(({ content }) => content !== '<bos>');
        delete json.model.vocab['<bos>'];
      }),
      { kind: 'invalid', subject: 'tokenizer.json', names: ['<bos>'] },
    ));

  it('but not for PaliGemma’s image token, which lies beyond the table and in no prompt', () =>
    imported(
      withTokenizer(({ added_tokens }) =>
        added_tokens.push({ ...added_tokens[0], id: 512, content: '<image>' }),
      ),
      ({ bundle }) => chunkOf(bundle).then((chunk) => assert.ok(chunk.every(Number.isFinite))),
    ));

  it('anything, while an earlier bundle stays as it was', () =>
    imported(golden(), async ({ bundle }, folder) => {
      const nameless = join(folder, '../nameless');
      await golden({
        input_features: { 'observation.image': { type: 'VISUAL', shape: [3, 56, 56] } },
      })(nameless);
      await assertRejectsAbout(importPolicy(nameless, options(bundle.folder, { force: true })), {
        kind: 'unsaid',
        subject: 'config.json',
        fields: ['--cameras'],
        names: ['observation.image'],
      });
      await agreesWithGolden(bundle);
      assert.equal((await loadBundle(bundle.folder)).version, bundle.version);
    }));

  it('a folder that holds a bundle, unless it is to be replaced', () =>
    imported(golden({}, undefined, { shards: 2 }), async ({ bundle }, folder) => {
      await assertRejectsAbout(importPolicy(folder, options(bundle.folder)), {
        kind: 'exists',
        subject: 'bundle',
        names: ['--force'],
      });
      await assertRejectsAbout(importPolicy(bundle.folder, options(folder)), {
        kind: 'unsupported',
        subject: 'bundle',
      });
      await assertRejectsAbout(importPolicy(folder, options(folder)), {
        kind: 'invalid',
        subject: 'checkpoint',
        fields: ['--out'],
      });
      await makeGolden(bundle, sessionConfigSchema.parse({ threads: 1 }));
      const single = join(folder, '../single');
      await golden()(single);
      const again = await importPolicy(single, options(bundle.folder, { force: true }));
      const left = await readdir(bundle.folder);
      assert.ok(!left.some((file) => file.includes('-of-')), left.join());
      assert.equal(again.bundle.hasGolden, false);
      await agreesWithGolden(again.bundle);
    }));
});
