import assert from 'node:assert/strict';
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type Fault } from '../../src/errors.ts';
import { layoutOf } from '../../src/openpi/layouts.ts';
import {
  float64Array,
  isNdArray,
  numbersOf as numbersIn,
  uint8Array,
} from '../../src/openpi/ndarray.ts';
import { GOLDEN_FILE, loadBundle } from '../../src/policy/bundle/bundle.ts';
import type { Bundle } from '../../src/policy/bundle/config.ts';
import { makeGolden, verifyBundle } from '../../src/policy/bundle/verification.ts';
import { numbersOf } from '../../src/policy/families/openvla/actionTokens.ts';
import type { OpenVlaConfig } from '../../src/policy/families/openvla/config.ts';
import { importPolicy, importReport } from '../../src/policy/families/importers.ts';
import type { ImportOptions, Imported } from '../../src/policy/families/importers.ts';
import { openSampler } from '../../src/policy/sampler.ts';
import { bounds } from '../../src/policy/vectors/bounds.ts';
import { makeTransforms } from '../../src/policy/vectors/transforms.ts';
import { sessionConfigSchema } from '../../src/session/session.ts';
import { type TensorSource, loadSafetensors, writeSafetensors } from '../../src/tensors/safetensors.ts'; // prettier-ignore
import { withFolder } from '../onnx/run.ts';
import { connectTo, serveBundle } from '../openpi/serving.ts';
import { assertRejectsAbout } from '../refusals.ts';
import { goldenTensors } from './golden.ts';
import { GOLDEN_CONFIG, GOLDEN_OPENVLA, goldenJson, tokenizerJson } from './goldenOpenVla.ts';

type Json = Record<string, unknown>;

const SESSION = sessionConfigSchema.parse({ threads: 1 });
const { actionDim, language } = GOLDEN_CONFIG;

/** A checkpoint: the golden one, changed. */
interface Checkpoint {
  /** Fields of config.json. */
  config?: Json;
  tokenizer?: string;
  /** Other files, by name. */
  files?: Record<string, Json>;
  /** Changes tensors by their names; gives undefined for those to leave out. */
  tensors?: (tensor: TensorSource) => TensorSource | undefined;
}

async function writeCheckpoint(folder: string, { config, tokenizer, files, tensors }: Checkpoint) {
  await mkdir(folder, { recursive: true });
  const golden = await loadSafetensors(join(GOLDEN_OPENVLA, 'model.safetensors'));
  const sources = [...golden.tensors].map(([name, { shape, data }]) => ({ name, shape, data: data as Float32Array })); // prettier-ignore
  await writeSafetensors(
    join(folder, 'model.safetensors'),
    tensors ? sources.flatMap((source) => tensors(source) ?? []) : sources,
  );
  await writeFile(join(folder, 'tokenizer.json'), tokenizer ?? tokenizerJson());
  const all = { 'config.json': { ...(await goldenJson()), ...config }, ...files };
  for (const [name, json] of Object.entries(all))
    await writeFile(join(folder, name), JSON.stringify(json));
}

/** Imports a checkpoint for LIBERO. */
const imported = (
  checkpoint: Checkpoint,
  use: (made: Imported, root: string) => Promise<void> | void,
  changes: Partial<ImportOptions> = {},
) =>
  withFolder(async (root) => {
    await writeCheckpoint(join(root, 'checkpoint'), checkpoint);
    const said = { embodiment: 'libero' as const, out: join(root, 'bundle') };
    await use(await importPolicy(join(root, 'checkpoint'), { ...said, ...changes }), root);
  });

/** What a sampler gives for the first golden picture and a task. */
async function actOn(bundle: Bundle, prompt = 'pick up the cup') {
  const { data, dims } = (await goldenTensors('inputs.safetensors', GOLDEN_OPENVLA))('raw.0');
  const sampler = await openSampler(bundle, SESSION);
  const image = { pixels: data as Uint8Array, width: dims[1], height: dims[0] };
  try {
    return await sampler.sample({ images: [image], state: new Float64Array(8), prompt, noise: 'zero' }); // prettier-ignore
  } finally {
    await sampler.close();
  }
}

const statistics = async () => (await goldenJson()).norm_stats.tiny_a.action;

describe('a checkpoint of OpenVLA', () => {
  it('becomes a bundle whose dimensions its tensors and its configuration say', async () => {
    await imported({}, async ({ bundle, ...found }) => {
      const architecture = { ...GOLDEN_CONFIG, maxTokens: 2048 - 16 - actionDim };
      assert.deepEqual(bundle.architecture, architecture);
      assert.deepEqual(bundle.shape.images, [{ width: 56, height: 56, fit: 'stretched' }]);
      assert.deepEqual(bundle.cameras, ['image']);
      assert.equal(bundle.executeSteps, 1);
      assert.deepEqual([layoutOf(bundle).layout.name, layoutOf(bundle).misfit], ['libero', undefined]); // prettier-ignore
      const { q01: low, q99: high, mask } = await statistics();
      assert.deepEqual(bundle.transforms, [
        { type: 'robosuiteGripper', index: 6 },
        { type: 'bounds', state: 8, actions: { low, high, mask } },
      ]);
      const report = new Map(importReport({ bundle, ...found }));
      assert.equal(report.get('family'), 'OpenVLA');
      assert.match(report.get('statistics') ?? '', /^tiny_a in .*config\.json \(bounds\)$/);
    });
  });

  it('gives an action in the units of its data set, and opens or closes the gripper', async () => {
    await imported({}, async ({ bundle }) => {
      const { actions, horizon } = await actOn(bundle);
      assert.equal(horizon, 1);
      assert.equal(actions.length, actionDim);
      const { q01, q99 } = await statistics();
      const isInside = (value: number, i: number) => value >= q01[i] - 1e-6 && value <= q99[i] + 1e-6; // prettier-ignore
      assert.ok(actions.slice(0, 6).every(isInside), `[${actions.join()}]`);
      assert.equal(Math.abs(actions[6]), 1);
    });
  });

  it('answers LIBERO’s client', async () => {
    await imported({}, async ({ bundle }) => {
      const { data, dims } = (await goldenTensors('inputs.safetensors', GOLDEN_OPENVLA))('raw.0');
      const server = await serveBundle(bundle.folder);
      try {
        const client = await connectTo(server.url);
        await client.next();
        const reply = await client.ask({
          'observation/image': uint8Array(data as Uint8Array, [...dims]),
          'observation/wrist_image': uint8Array(data as Uint8Array, [...dims]),
          'observation/state': float64Array(new Float64Array(8), [8]),
          prompt: 'pick up the cup',
        });
        client.socket.close();
        const answered = reply.get('actions');
        assert.ok(isNdArray(answered));
        assert.deepEqual(answered.shape, [1, actionDim]);
        const { actions } = await actOn(bundle);
        numbersIn(answered, 'actions').forEach((value, i) =>
          assert.equal(Math.fround(value), actions[i]),
        );
      } finally {
        await server.close();
      }
    });
  });

  it('scales actions as the reference does, to 1e-9', async () => {
    const expected = await goldenTensors('expected.safetensors', GOLDEN_OPENVLA);
    const inputs = await goldenTensors('inputs.safetensors', GOLDEN_OPENVLA);
    const { q01: low, q99: high, mask } = await statistics();
    const step = bounds({ type: 'bounds', state: 8, actions: { low, high, mask } });
    for (const [ids, golden] of [
      [expected('gen.tokens'), expected('gen.actions.tiny_a')],
      [inputs('odd_tokens'), expected('odd_actions')],
    ]) {
      const scaled = Array.from({ length: golden.size / actionDim }, (_, row) => {
        const own = Array.from(ids.data.slice(row * actionDim, (row + 1) * actionDim) as BigInt64Array, Number); // prettier-ignore
        const action = numbersOf(own, GOLDEN_CONFIG);
        step.decodeAction(action, new Float64Array());
        return [...action];
      }).flat();
      for (const [i, value] of scaled.entries())
        assert.ok(Math.abs(value - (golden.data[i] as number)) <= 1e-9);
    }
  });

  it('scales demonstrations the other way', async () => {
    const { q01: low, q99: high, mask } = await statistics();
    const transforms = makeTransforms(
      [
        { type: 'robosuiteGripper', index: 6 },
        { type: 'bounds', state: 8, actions: { low, high, mask } },
      ],
      { stateDim: 8, actionDim },
    );
    const state = new Float64Array(8);
    const action = Float32Array.from([0.1, 0.2, -0.1, 0.3, 0.4, -0.2, -1]);
    const back = transforms.actions(transforms.targets(action, state), state);
    back.forEach((value, i) => assert.ok(Math.abs(value - action[i]) < 1e-5));
  });

  it('reproduces its numbers at every stage, also in half precision and in few bits', async () => {
    await imported({}, async ({ bundle }, root) => {
      await makeGolden(bundle, SESSION);
      // Of a policy as narrow as this one, few bits leave less than of a real one.
      for (const [storage, least] of [
        [{}, 0.99999],
        [{ precision: 'bfloat16' }, 0.999],
        [{ prefixBits: 8 }, 0.98],
        [{ prefixBits: 4 }, 0.9],
      ] as const) {
        const said = { embodiment: 'libero' as const, out: join(root, 'other') };
        const other = await importPolicy(join(root, 'checkpoint'), { ...said, ...storage, force: true }); // prettier-ignore
        assert.equal(other.bundle.isPacked, 'prefixBits' in storage);
        await copyFile(join(bundle.folder, GOLDEN_FILE), join(root, 'other', GOLDEN_FILE));
        const { agreements } = await verifyBundle(await loadBundle(said.out), SESSION);
        assert.ok(
          agreements.every(({ cosine }) => cosine >= least),
          JSON.stringify(agreements),
        );
        assert.deepEqual(agreements.map(({ stage }) => stage), ['features', 'image', 'keys', 'values', 'actions']); // prettier-ignore
      }
    });
  });

  it('reads the statistics that training on a data set of one’s own leaves beside it', async () => {
    const action = { q01: Array(7).fill(-2), q99: Array(7).fill(2) };
    await imported(
      { files: { 'dataset_statistics.json': { libero_spatial: { action } } } },
      ({ bundle, robot }) => {
        assert.deepEqual(robot, { value: 'libero', by: 'the data set libero_spatial' });
        const { actions } = bundle.transforms.at(-1) as unknown as { actions: { low: number[]; mask: boolean[] } }; // prettier-ignore
        assert.equal(actions.low[0], -2);
        assert.deepEqual(actions.mask, Array(7).fill(true));
      },
      { dataset: 'libero_spatial', embodiment: undefined },
    );
  });

  it('takes the pixels’ mean and deviation of its image processor', async () => {
    const means = [[0.484375, 0.455078125, 0.40625], [0.5, 0.5, 0.5]]; // prettier-ignore
    const stds = [[0.228515625, 0.2236328125, 0.224609375], [0.5, 0.5, 0.5]]; // prettier-ignore
    await imported({ files: { 'preprocessor_config.json': { means, stds } } }, ({ bundle }) => {
      const { towers } = bundle.architecture as OpenVlaConfig;
      assert.deepEqual(towers.map(({ mean }) => mean), means); // prettier-ignore
    });
  });
});

describe('what is no OpenVLA, or not this one, is refused', () => {
  const refused = (
    about: Fault & { names?: (string | number)[] },
    checkpoint: Checkpoint,
    changes: Partial<ImportOptions> = {},
  ) =>
    // prettier-ignore
    withFolder(async (root) => {
      await writeCheckpoint(join(root, 'checkpoint'), checkpoint);
      const said = { embodiment: 'libero' as const, out: join(root, 'bundle') };
      await assertRejectsAbout(importPolicy(join(root, 'checkpoint'), { ...said, ...changes }), about); // prettier-ignore
    });

  it('without the data set that is asked for, naming those that there are', async () => {
    const { action } = (await goldenJson()).norm_stats.tiny_a;
    const two = { config: { norm_stats: { tiny_a: { action }, tiny_b: { action } } } };
    await refused({ kind: 'missing', subject: '--dataset', names: ['tiny_a', 'tiny_b'] }, two);
    await refused(
      { kind: 'missing', subject: '--dataset', names: ['bridge_orig', 'tiny_a', 'tiny_b'] },
      two,
      { dataset: 'bridge_orig' },
    );
    await refused({ kind: 'missing', names: ['--stats'] }, { config: { norm_stats: {} } });
  });

  it('with statistics of another robot, or a robot that nobody names', async () => {
    await refused(
      { kind: 'mismatch', fields: ['tiny_a.action.q01'], names: [7, 8] },
      {},
      { embodiment: 'droid' },
    );
    await refused({ kind: 'missing', subject: '--embodiment' }, {}, { embodiment: undefined });
  });

  it('with two cameras, or options of other policies', async () => {
    await refused({ kind: 'invalid', subject: '--cameras' }, {}, { cameras: ['image', 'wrist_image'] }); // prettier-ignore
    await refused({ kind: 'unsupported', subject: '--delta-actions' }, {}, { deltaActions: false });
  });

  it('with a tokenizer of another vocabulary', async () => {
    await refused({ kind: 'mismatch', fields: ['model.vocab'], names: [440, 448] }, { tokenizer: tokenizerJson(440) }); // prettier-ignore
  });

  it('with a network of another kind', async () => {
    const text = (await goldenJson()).text_config as Json;
    for (const [field, config] of [
      ['use_fused_vision_backbone', { use_fused_vision_backbone: false }],
      ['text_config.hidden_act', { text_config: { ...text, hidden_act: 'gelu' } }],
      ['text_config.rope_theta', { text_config: { ...text, rope_theta: 500_000 } }],
      ['image_resize_strategy', { image_resize_strategy: 'resize-crop' }],
    ] as const)
      await refused({ kind: 'unsupported', fields: [field] }, { config });
  });

  it('at a prompt that is too long, and where it writes what is no action', async () => {
    await imported({}, async ({ bundle }) => {
      await assertRejectsAbout(actOn(bundle, 'reach '.repeat(400)), { kind: 'invalid', subject: 'prompt', names: [2025] }); // prettier-ignore
    });
    // Of action tokens none is likelier than another, so that one of text is taken.
    const first = GOLDEN_CONFIG.textVocabulary - GOLDEN_CONFIG.bins;
    const mute = (tensor: TensorSource) => {
      if (tensor.name === 'language_model.lm_head.weight')
        (tensor.data as Float32Array).fill(0, first * language.width, GOLDEN_CONFIG.textVocabulary * language.width); // prettier-ignore
      return tensor;
    };
    await imported({ tensors: mute }, async ({ bundle }) => {
      await assertRejectsAbout(actOn(bundle), {
        kind: 'invalid',
        subject: 'action',
        names: [first],
      });
    });
  });

  it('with files of other families, or without all of its tensors', async () => {
    await withFolder(async (root) => {
      const folder = join(root, 'checkpoint');
      await writeCheckpoint(folder, { config: { type: 'pi0' } });
      await assertRejectsAbout(importPolicy(folder, { out: join(root, 'bundle') }), { kind: 'mismatch', subject: 'config.json', names: ['pi0', 'openvla'] }); // prettier-ignore
      await rm(folder, { recursive: true });
      await writeCheckpoint(folder, { tensors: (one) => (one.name === 'projector.fc3.bias' ? undefined : one) }); // prettier-ignore
      await assertRejectsAbout(importPolicy(folder, { out: join(root, 'bundle'), embodiment: 'libero' }), { kind: 'mismatch', subject: folder, names: ['projector.fc3.bias is missing'] }); // prettier-ignore
      await assert.rejects(readFile(join(root, 'bundle', 'policy.json')));
    });
  });
});
