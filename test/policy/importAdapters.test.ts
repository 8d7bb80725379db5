import assert from 'node:assert/strict';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  type TensorSource,
  loadSafetensors,
  writeSafetensors,
} from '../../src/tensors/safetensors.ts';
import { importPolicy } from '../../src/policy/families/importers.ts';
import { loadWeights } from '../../src/policy/paligemma/weights.ts';
import { withFolder } from '../onnx/run.ts';
import { goldenJson, options } from './checkpoints.ts';
import { agreesWithGolden, golden, imported, refused, weightsOf } from './importing.ts';
import { type About, assertSaid } from '../refusals.ts';

type Matrix = number[][];
type Json = Record<string, unknown>;

const EXPERT = 'paligemma_with_expert.gemma_expert.model.layers.0';
const Q = `${EXPERT}.self_attn.q_proj`;
const DOWN = `${EXPERT}.mlp.down_proj`;
const OUT = 'action_out_proj';
const TABLE = 'paligemma_with_expert.paligemma.model.language_model.embed_tokens';
const HEAD = 'paligemma_with_expert.paligemma.lm_head';

/** Numbers of no pattern that are the same each time. */
const matrix = (rows: number, columns: number, seed: number): Matrix =>
  Array.from({ length: rows }, (_, i) =>
    Array.from({ length: columns }, (__, j) => Math.sin(seed + 3 * i + 7 * j) / 8),
  );

const tensor = (name: string, values: Matrix) => ({
  name: `base_model.model.model.${name}`,
  shape: [values.length, values[0].length],
  data: Float32Array.from(values.flat()),
});

/** A module's two matrices, as PEFT calls them. */
const pair = (module: string, A: Matrix, B: Matrix, kind = 'lora_') => {
  const ending = kind === 'lora_' ? '.weight' : '';
  return [tensor(`${module}.${kind}A${ending}`, A), tensor(`${module}.${kind}B${ending}`, B)];
};

const LORA = {
  peft_type: 'LORA',
  r: 4,
  lora_alpha: 8,
  base_model_name_or_path: 'lerobot/pi0_base',
};
const A = matrix(4, 48, 1);
const B = matrix(128, 4, 2);

async function writeAdapter(
  folder: string,
  tensors: Parameters<typeof writeSafetensors>[1] = pair(Q, A, B),
  config: Json = {},
): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeSafetensors(join(folder, 'adapter_model.safetensors'), tensors);
  await writeFile(join(folder, 'adapter_config.json'), JSON.stringify({ ...LORA, ...config }));
}

const beside =
  (tensors?: Parameters<typeof writeSafetensors>[1], config?: Json) => async (folder: string) => {
    await golden()(folder);
    await writeAdapter(folder, tensors, config);
  };

/** The golden policy's own weights, of openpi's names. */
async function original(name: string): Promise<Float32Array> {
  const { tensors } = await loadSafetensors('test/golden/model.safetensors');
  return tensors.get(`model.${name}`)!.data as Float32Array;
}

/** W + scale · B·A by its definition. */
function merged(weight: Float32Array, a: Matrix, b: Matrix, scale: number): number[] {
  return b.flatMap((row, i) =>
    a[0].map(
      (_, j) =>
        weight[i * a[0].length + j] +
        scale * row.reduce((sum, factor, k) => sum + Math.fround(factor) * Math.fround(a[k][j]), 0),
    ),
  );
}

function agrees(actual: ArrayLike<number>, expected: readonly number[]) {
  assert.equal(actual.length, expected.length);
  const off = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - actual[i])), 0);
  assert.ok(off < 1e-6, `off by ${off}`);
}

/** Float32 numbers cut to bfloat16. */
const upperHalves = (data: TensorSource['data']) =>
  Uint16Array.from(new Uint32Array((data as Float32Array).slice().buffer), (bits) => bits >>> 16);

describe('a LoRA adapter is merged into the weights that it was trained on', () => {
  it('which lie beside it, as alpha / rank says, and nothing else is changed', () =>
    imported(beside(), async ({ bundle, placement, peft }) => {
      assert.equal(placement, 'merged');
      assert.equal(peft?.merged, 1);
      const weights = await loadWeights(weightsOf(bundle), [`${Q}.weight`, `${DOWN}.weight`]);
      agrees(weights.get(`${Q}.weight`)!, merged(await original(`${Q}.weight`), A, B, 2));
      assert.deepEqual(weights.get(`${DOWN}.weight`), await original(`${DOWN}.weight`));
      await assert.rejects(agreesWithGolden(bundle), /off by/);
    }));

  it('by the root of the rank where it was trained so', () =>
    imported(beside(undefined, { use_rslora: true }), async ({ bundle }) => {
      const weights = await loadWeights(weightsOf(bundle), [`${Q}.weight`]);
      agrees(weights.get(`${Q}.weight`)!, merged(await original(`${Q}.weight`), A, B, 4));
    }));

  it('by a rank and alpha of the module’s own', () => {
    const [a, b] = [matrix(2, 112, 3), matrix(48, 2, 4)];
    const config = { rank_pattern: { 'mlp.down_proj': 2 }, alpha_pattern: { '.*down_proj': 3 } };
    return imported(beside([...pair(Q, A, B), ...pair(DOWN, a, b)], config), async ({ bundle }) => {
      const weights = await loadWeights(weightsOf(bundle), [`${Q}.weight`, `${DOWN}.weight`]);
      agrees(weights.get(`${Q}.weight`)!, merged(await original(`${Q}.weight`), A, B, 2));
      agrees(weights.get(`${DOWN}.weight`)!, merged(await original(`${DOWN}.weight`), a, b, 1.5));
    });
  });

  it('of a table, whose matrices PEFT has the other way round; one of the output layer is none of it', () => {
    const [a, b] = [matrix(4, 512, 5), matrix(64, 4, 6)];
    const transposed = (values: Matrix) => values[0].map((_, j) => values.map((row) => row[j]));
    const head = pair(HEAD, matrix(4, 64, 7), matrix(512, 4, 8));
    return imported(
      beside([...pair(TABLE, a, b, 'lora_embedding_'), ...head]),
      async ({ bundle }) => {
        const weights = await loadWeights(weightsOf(bundle), [`${TABLE}.weight`]);
        const expected = merged(await original(`${TABLE}.weight`), transposed(b), transposed(a), 2);
        agrees(weights.get(`${TABLE}.weight`)!, expected);
      },
    );
  });

  it('with the modules that were trained whole', () => {
    const whole = matrix(32, 48, 9);
    return imported(
      beside([...pair(Q, A, B), tensor(`${OUT}.weight`, whole)], { modules_to_save: [OUT] }),
      async ({ bundle, peft }) => {
        assert.equal(peft?.replaced, 1);
        const weights = await loadWeights(weightsOf(bundle), [`${OUT}.weight`]);
        assert.deepEqual(weights.get(`${OUT}.weight`), Float32Array.from(whole.flat()));
      },
    );
  });

  it('and each weight keeps the type that it is stored in', () =>
    imported(
      async (folder) => {
        const ones = new Uint16Array(128 * 48).fill(0x3f80);
        await golden({}, (all) =>
          all.map((one) =>
            /layers\.\d+\.(self_attn|mlp)\.\w+_proj\.weight$/.test(one.name)
              ? {
                  ...one,
                  dtype: 'BF16',
                  data: one.name.endsWith(`${Q}.weight`) ? ones : upperHalves(one.data),
                }
              : one,
          ),
        )(folder);
        await writeAdapter(folder);
      },
      async ({ bundle, precisions }) => {
        assert.deepEqual([...precisions.keys()].sort(), ['BF16', 'F32']);
        const weights = await loadWeights(weightsOf(bundle), [`${Q}.weight`]);
        const expected = merged(new Float32Array(128 * 48).fill(1), A, B, 2);
        const off = expected.map((value, i) => Math.abs(value - weights.get(`${Q}.weight`)![i]));
        assert.ok(Math.max(...off) < 2 ** -8, 'more than its rounding');
        assert.ok(Math.max(...off) > 0, 'nothing was rounded');
      },
    ));

  it('which are above it, are given, or are where it says; its own configuration goes before theirs', () =>
    withFolder(async (root) => {
      const base = join(root, 'base');
      await golden()(base);
      const expected = merged(await original(`${Q}.weight`), A, B, 2);
      const check = async (adapter: string, changes = {}, steps = 10) => {
        const out = options(join(root, 'bundle'), { ...changes, force: true });
        const { bundle } = await importPolicy(adapter, out);
        const weights = await loadWeights(weightsOf(bundle), [`${Q}.weight`]);
        agrees(weights.get(`${Q}.weight`)!, expected);
        assert.deepEqual(bundle.integration, { steps, solver: 'euler' });
      };
      await writeAdapter(join(base, 'adapter'));
      await check(join(base, 'adapter'));
      await check(join(base, 'adapter/adapter_model.safetensors'));

      const apart = join(root, 'last/pretrained_model');
      await mkdir(join(root, 'last'));
      await writeAdapter(join(base, 'adapters/by/me'));
      await check(join(base, 'adapters/by/me'));
      await rename(join(base, 'adapter'), apart);
      await check(apart, { base });
      await check(join(root, 'last'), { base: join(base, 'model.safetensors') });

      await writeAdapter(apart, undefined, { base_model_name_or_path: base });
      const config = { ...(await goldenJson()), use_peft: true, num_inference_steps: 5 };
      await writeFile(join(apart, 'config.json'), JSON.stringify(config));
      await rename(join(base, 'assets'), join(apart, 'assets'));
      await check(apart, { tokenizer: join(base, 'tokenizer.json') }, 5);
    }));

  it('unless the file of the weights is given, which is then all', () =>
    withFolder(async (root) => {
      const folder = join(root, 'checkpoint');
      await beside()(folder);
      const { bundle, placement, notes } = await importPolicy(
        join(folder, 'model.safetensors'),
        options(join(root, 'bundle')),
      );
      assert.notEqual(placement, 'merged');
      assertSaid(notes.join('\n'), 'adapter', folder);
      await agreesWithGolden(bundle);
    }));
});

describe('an adapter is refused, with the way out, where', () => {
  const cases: Record<string, [(folder: string) => Promise<unknown>, About]> = {
    'the policy that it was trained on is not there': [
      (folder) => writeAdapter(folder),
      { kind: 'unsaid', subject: 'checkpoint', fields: ['--base'], names: ['lerobot/pi0_base'] },
    ],
    'its configuration is not there': [
      async (folder) => {
        await beside()(folder);
        await rm(join(folder, 'adapter_config.json'));
      },
      { kind: 'missing', subject: 'adapter_config.json' },
    ],
    'it is pickled': [
      async (folder) => {
        await beside()(folder);
        await rm(join(folder, 'adapter_model.safetensors'));
        await writeFile(join(folder, 'adapter_model.bin'), '');
      },
      { kind: 'missing', subject: 'adapter_model.safetensors', names: ['save_pretrained'] },
    ],
    'it lies below the weights that are given': [
      async (folder) => {
        await golden()(folder);
        await writeAdapter(join(folder, 'mine'));
      },
      { kind: 'unsaid', subject: 'checkpoint' },
    ],
    'it lies two levels below the weights that are given': [
      async (folder) => {
        await golden()(folder);
        await writeAdapter(join(folder, 'adapters', 'mine'));
      },
      { kind: 'unsaid', subject: 'checkpoint' },
    ],
    'it is of another kind': [
      beside(undefined, { peft_type: 'LOHA' }),
      {
        kind: 'unsupported',
        subject: 'adapter_config.json',
        fields: ['peft_type'],
        names: ['LOHA', 'merge_and_unload'],
      },
    ],
    'it has magnitudes': [
      beside(undefined, { use_dora: true }),
      {
        kind: 'unsupported',
        subject: 'adapter_config.json',
        fields: ['use_dora'],
        names: ['merge_and_unload'],
      },
    ],
    'it has what is not known': [
      beside(undefined, { twisted: { by: 3 } }),
      {
        kind: 'unsupported',
        subject: 'adapter_config.json',
        fields: ['twisted'],
        names: ['{"by":3}'],
      },
    ],
    'it began with other weights than the base’s': [
      beside(undefined, { init_lora_weights: 'pissa' }),
      {
        kind: 'unsupported',
        subject: 'adapter_config.json',
        fields: ['init_lora_weights'],
        names: ['pissa'],
      },
    ],
    'half of it is missing': [
      beside(pair(Q, A, B).slice(0, 1)),
      { kind: 'unsupported', subject: 'adapter_model.safetensors', names: ['lora_B'] },
    ],
    'its modules stand in one that is none of the policy’s': [
      beside(pair(`nonsense.${Q}`, A, B)),
      { kind: 'invalid', subject: 'adapter_model.safetensors', names: ['base_model.model.model.'] },
    ],
    'its rank is not what it says': [
      beside(undefined, { r: 8 }),
      {
        kind: 'mismatch',
        subject: 'adapter_model.safetensors',
        names: ['[4, 48]', 'adapter_config.json', '[8, 48]'],
      },
    ],
    'it belongs to another policy': [
      beside([...pair(Q, A, B), ...pair('value_head', A, B)]),
      { kind: 'mismatch', subject: 'adapter_model.safetensors', names: ['value_head'] },
    ],
    'a module that was trained whole is missing': [
      beside(undefined, { modules_to_save: [OUT] }),
      {
        kind: 'mismatch',
        subject: 'adapter_model.safetensors',
        names: ['action_out_proj', 'modules_to_save'],
      },
    ],
    'it is not finite': [
      beside(pair(Q, A.with(1, Array<number>(48).fill(NaN)), B)),
      { kind: 'mismatch', subject: 'adapter_model.safetensors', names: ['48'] },
    ],
    'openpi’s conversion has left it out': [
      golden({ action_expert_variant: 'gemma_300m_lora' }),
      { kind: 'unsupported', subject: 'config.json', names: ['gemma_300m_lora'] },
    ],
  };
  for (const [title, [make, about]] of Object.entries(cases)) {
    it(title, () => refused(make, about));
  }

  it('--base is said of what is none', () =>
    refused(
      golden(),
      { kind: 'mismatch', subject: 'checkpoint', fields: ['--base'], names: ['elsewhere'] },
      { base: 'elsewhere' },
    ));
});
