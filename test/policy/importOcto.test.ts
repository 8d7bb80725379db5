import assert from 'node:assert/strict';
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { runAttempt } from '../../src/control/attempt.ts';
import { WEIGHTS_FILE, loadBundle } from '../../src/policy/bundle/bundle.ts';
import type { Bundle } from '../../src/policy/bundle/config.ts';
import { makeGolden, verifyBundle } from '../../src/policy/bundle/verification.ts';
import {
  type ImportOptions,
  importPolicy,
  importReport,
} from '../../src/policy/families/importers.ts';
import type { OctoConfig } from '../../src/policy/families/octo/config.ts';
import { openSampler } from '../../src/policy/sampler.ts';
import { openWorkerPolicy } from '../../src/policy/worker/workerPolicy.ts';
import { openParts } from '../../src/processes/openParts.ts';
import { sessionConfigSchema } from '../../src/session/session.ts';
import { simulatedAloha } from '../../src/sim/simulatedAloha.ts';
import { toFloat32 } from '../../src/tensors/dtype.ts';
import {
  type TensorSource,
  loadSafetensors,
  writeSafetensors,
} from '../../src/tensors/safetensors.ts';
import { withFolder } from '../onnx/run.ts';
import { type About, assertRejectsAbout, assertSaid } from '../refusals.ts';
import { OCTO_TEXT, OCTO_WEIGHTS, goldenOctoJson } from './goldenOcto.ts';

const SESSION = sessionConfigSchema.parse({ threads: 1 });
/** Numbers of a chunk's rows: of the golden policy, and of ALOHA. */
const [OWN, ALOHA] = [7, 14];

type Json = Record<string, unknown>;

interface Checkpoint {
  /** Numbers of its actions. */
  actionDim?: number;
  /** Whether it has T5. */
  text?: boolean;
  /** Fields of config.json's `model`, instead of the golden ones. */
  model?: Json;
  /** Instead of the statistics of one data set. */
  statistics?: Json;
  /** Changes its folder. */
  change?: (folder: string) => Promise<unknown>;
}

/** Statistics of a data set with so many numbers, the last of which is not normalised. */
const statisticsOf = (count: number, more: Json = {}) => {
  const every = (value: number) => Array<number>(count).fill(value);
  const mask = every(1).map((_, i) => i < count - 1);
  return { action: { mean: every(0.1), std: every(0.2), p01: every(-0.3), p99: every(0.5), mask, ...more } }; // prettier-ignore
};

/** Weights of the head for chunks of other numbers: its own, over and over. */
function resized(name: string, shape: number[], data: Float32Array, actionDim: number) {
  const horizon = 3;
  const [from, to] = [OWN, actionDim].map((count) => count * horizon);
  const network = 'heads_action/diffusion_model/reverse_network';
  if (name === `${network}/Dense_0/kernel`) {
    const [rows, width] = shape;
    const kept = data.subarray(0, (rows - from) * width);
    const added = Float32Array.from({ length: to * width }, (_, i) => data[kept.length + (i % (from * width))]); // prettier-ignore
    return { shape: [rows - from + to, width], data: Float32Array.from([...kept, ...added]) };
  }
  if (!name.startsWith(`${network}/Dense_1/`)) return { shape, data };
  const leading = shape.slice(0, -1);
  const rows = leading.reduce((a, b) => a * b, 1);
  const wide = Float32Array.from({ length: rows * to }, (_, i) => data[Math.floor(i / to) * from + (i % from)]); // prettier-ignore
  return { shape: [...leading, to], data: wide };
}

/** The golden policy as a checkpoint, as the script in docs/octo.md leaves one. */
async function writeOcto(
  folder: string,
  { actionDim = ALOHA, text = true, model = {}, statistics, change }: Checkpoint,
) {
  // prettier-ignore
  await mkdir(folder, { recursive: true });
  const { tensors } = await loadSafetensors(OCTO_WEIGHTS);
  const texts = text ? (await loadSafetensors(join(OCTO_TEXT, 'model.safetensors'))).tensors : [];
  const sources = [...tensors, ...texts].map(([name, tensor]): TensorSource => {
    return { name, ...resized(name, tensor.shape, toFloat32(tensor), actionDim) };
  });
  await writeSafetensors(join(folder, WEIGHTS_FILE), sources);
  const golden = (await goldenOctoJson()) as { model: Json };
  const { heads, task_tokenizers: tasks } = golden.model as Record<string, Record<string, Json>>;
  // Published configurations keep a module's arguments in `kwargs`.
  const head = { name: heads.action.name, args: [], kwargs: { ...heads.action, action_dim: actionDim } }; // prettier-ignore
  const language = { ...tasks.language, encoder: text ? 't5-base' : null };
  const whole = {
    ...golden.model,
    heads: { action: head },
    task_tokenizers: { language },
    ...model,
  };
  await writeFile(join(folder, 'config.json'), JSON.stringify({ model: whole, window_size: 2 }));
  await writeFile(
    join(folder, 'dataset_statistics.json'),
    JSON.stringify(statistics ?? { aloha_cube: statisticsOf(actionDim) }),
  );
  await copyFile(join(OCTO_TEXT, 'tokenizer.json'), join(folder, 'tokenizer.json'));
  await change?.(folder);
}

/** Imports a checkpoint. */
const imported = (
  checkpoint: Checkpoint,
  use: (made: Awaited<ReturnType<typeof importPolicy>>, folder: string) => Promise<void> | void,
  changes: Partial<ImportOptions> = {},
) =>
  withFolder(async (root) => {
    const folder = join(root, 'checkpoint');
    await writeOcto(folder, checkpoint);
    await use(await importPolicy(folder, { out: join(root, 'bundle'), ...changes }), folder);
  });

const refused = (checkpoint: Checkpoint, about: About, changes: Partial<ImportOptions> = {}) =>
  assertRejectsAbout(
    imported(checkpoint, () => undefined, changes),
    about,
  );

const octoOf = ({ architecture }: Bundle) => architecture as OctoConfig;

const pictureOf = (side: number, level: number) => ({
  ...{ width: side, height: side },
  pixels: new Uint8Array(side * side * 3).fill(level),
});
/** What a policy for ALOHA sees. */
const request = (level = 120) => ({
  images: [pictureOf(48, level), pictureOf(32, 90)],
  state: new Float64Array(14),
  prompt: 'put the carrot on the plate',
  noise: { seed: 3 },
});

/** Samples by a bundle's sampler. */
async function sampling(
  bundle: Bundle,
  use: (sample: (changes?: object) => Promise<number[]>) => Promise<void>,
) {
  // prettier-ignore
  const sampler = await openSampler(bundle, SESSION);
  try {
    await use(async (changes = {}) => [...(await sampler.sample({ ...request(), ...changes })).actions]); // prettier-ignore
  } finally {
    await sampler.close();
  }
}

describe('an imported Octo', () => {
  it('is a bundle of its dimensions, with the checkpoint’s weights and statistics', () =>
    imported({}, async ({ bundle, ...made }, folder) => {
      const { images, language, head, ...rest } = octoOf(bundle);
      assert.deepEqual(images.map(({ name, imageSize, convolutions }) => [name, imageSize, convolutions.length]), [['primary', 48, 4], ['wrist', 32, 4]]); // prettier-ignore
      assert.deepEqual(language?.encoder, { vocabulary: 39, depth: 2, heads: 3, headDim: 5, mlp: 40, buckets: 32, maxDistance: 128 }); // prettier-ignore
      assert.deepEqual([head.steps, head.blocks, rest.robotActionDim, rest.stateDim], [20, 3, 14, 14]); // prettier-ignore
      assert.deepEqual(bundle.cameras, ['cam_high', 'cam_left_wrist']);
      assert.equal(bundle.executeSteps, 2);
      const [step] = bundle.transforms as unknown as { type: string; actions: Record<string, number[]> }[]; // prettier-ignore
      assert.equal(step.type, 'actionMoments');
      assert.deepEqual(step.actions.mask.slice(-2), [true, false]);
      const report = new Map(importReport({ bundle, ...made }));
      assert.equal(report.get('family'), 'Octo');
      assert.match(report.get('statistics')!, /aloha_cube/);
      assertSaid(report.get('sampling')!, '3 rows', '20 steps', '2 rows played');
      const weights = await readFile(join(folder, WEIGHTS_FILE));
      assert.ok(weights.equals(await readFile(join(bundle.folder, WEIGHTS_FILE))));
    }));

  it('computes the same again, stage by stage, and as the robot does', () =>
    imported({}, async ({ bundle }) => {
      await makeGolden(bundle, SESSION);
      const golden = await loadBundle(bundle.folder);
      const { passes, agreements } = await verifyBundle(golden, SESSION);
      assert.ok(passes);
      assert.deepEqual(agreements.map(({ stage }) => stage), ['language', 'tokens', 'outputs', 'actions']); // prettier-ignore
      const sampler = await openSampler(golden, SESSION);
      try {
        await sampler.verify();
      } finally {
        await sampler.close();
      }
    }));

  it('samples by seed, image and instruction, and without a camera that there is no image of', () =>
    imported({}, ({ bundle }) =>
      sampling(bundle, async (sample) => {
        const chunk = await sample();
        assert.equal(chunk.length, 3 * 14);
        assert.ok(chunk.every(Number.isFinite));
        assert.deepEqual(await sample(), chunk);
        for (const change of [
          { noise: { seed: 4 } },
          { images: request(20).images },
          { prompt: 'the spoon' },
          { absent: [1], images: request().images.slice(0, 1) },
        ])
          assert.notDeepEqual(await sample(change), chunk, JSON.stringify(Object.keys(change)));
        assert.deepEqual(await sample(), chunk);
        const without = { absent: [1], images: request().images.slice(0, 1) };
        const masked = await sample(without);
        await sample({ images: [pictureOf(48, 120), pictureOf(32, 3)] });
        assert.deepEqual(await sample(without), masked, 'an absent camera’s last image counts');
      }),
    ));

  it('moves as far as its statistics say, by their quantiles where it was trained so', async () => {
    const chunkOf = async (type: string) => {
      let chunk: number[] = [];
      const change = async (folder: string) => {
        const path = join(folder, 'config.json');
        const config = JSON.parse(await readFile(path, 'utf8')) as Json;
        await writeFile(path, JSON.stringify({ ...config, dataset_kwargs: { action_proprio_normalization_type: type } })); // prettier-ignore
      };
      await imported({ change }, ({ bundle }) =>
        sampling(bundle, async (sample) => void (chunk = await sample())),
      );
      return chunk;
    };
    const [normal, bounds] = [await chunkOf('normal'), await chunkOf('bounds')];
    for (const [i, value] of normal.entries()) {
      const isMasked = i % 14 === 13;
      const own = isMasked ? value : (value - 0.1) / 0.2;
      const expected = isMasked ? own : ((own + 1) * 0.8) / 2 - 0.3;
      assert.ok(Math.abs(bounds[i] - expected) < 1e-6, `${bounds[i]} at ${i}, not ${expected}`);
    }
  });

  it('drives the simulated robot', () =>
    imported({}, async ({ bundle }) => {
      const { keep, closeAll } = openParts();
      try {
        const policy = keep(await openWorkerPolicy(bundle, SESSION));
        const robot = keep(
          await simulatedAloha({ task: 'transfer-cube', cameras: policy.cameras }),
        );
        const stop = new AbortController();
        let chunks = 0;
        const onChunk = () => void (++chunks === 2 && stop.abort());
        const result = await runAttempt({ robot, task: robot, policy, seed: 1, lead: 1, awaitChunks: true, onChunk, signal: stop.signal }); // prettier-ignore
        assert.equal(chunks, 2, JSON.stringify(result.problem?.message));
      } finally {
        await closeAll();
      }
    }));

  it('reads no instruction without a text encoder, says so, and needs no tokenizer', () =>
    imported(
      { text: false, change: (folder) => rm(join(folder, 'tokenizer.json')) },
      async ({ bundle, notes }) => {
        assertSaid(notes.join('\n'), 'instructions are not read');
        await makeGolden(bundle, SESSION);
        assert.ok((await verifyBundle(await loadBundle(bundle.folder), SESSION)).passes);
        await sampling(bundle, async (sample) =>
          assert.deepEqual(await sample({ prompt: 'the spoon' }), await sample()),
        );
      },
    ));

  it('acts by the data set that is asked for', () => {
    const statistics = { bridge: statisticsOf(5), fractal: statisticsOf(7) };
    return imported({ actionDim: 7, statistics }, ({ bundle, statistics: { value } }) => {
      assert.match(value, /fractal$/);
      assert.equal(octoOf(bundle).robotActionDim, 7);
    }, { dataset: 'fractal', embodiment: 'libero' }); // prettier-ignore
  });
});

describe('the import of an Octo is refused, with the remedy, for', () => {
  const two = { bridge: statisticsOf(14), fractal: statisticsOf(14) };

  it('a data set that its statistics do not have, or none of several', async () => {
    const about = { kind: 'missing', fields: ['--dataset'], names: ['bridge', 'fractal'] } as const;
    await refused({ statistics: two }, { ...about, names: [...about.names, 'kuka'] }, { dataset: 'kuka' }); // prettier-ignore
    await refused({ statistics: two }, about);
  });

  it('statistics of another robot, or that contradict themselves', async () => {
    await refused({}, { kind: 'mismatch', names: ['14', '7', 'libero'] }, { embodiment: 'libero' });
    const statistics = { bridge: statisticsOf(14, { std: [1] }) };
    await refused({ statistics }, { kind: 'invalid', fields: ['action.std'] });
    await refused({ statistics: { bridge: statisticsOf(9) } }, { kind: 'missing', fields: ['--embodiment'] }); // prettier-ignore
  });

  it('what is another network', async () => {
    const { heads } = (await goldenOctoJson()).model as Record<string, Record<string, Json>>;
    const refuses = (field: string, model: Json) =>
      refused({ model }, { kind: 'unsupported', fields: [field] });
    await refuses('model.heads.action', { heads: { action: { ...heads.action, name: 'L1ActionHead' } } }); // prettier-ignore
    await refuses('model.heads.action.use_map', { heads: { action: { ...heads.action, use_map: true } } }); // prettier-ignore
    const proprio = { proprio: { name: 'LowdimObsTokenizer', args: [], kwargs: {} } };
    await refuses('model.observation_tokenizers.proprio', { observation_tokenizers: proprio });
  });

  it('tensors that are missing or have other shapes, and files that are', async () => {
    const heads = (count: number) => ({ transformer_kwargs: { num_attention_heads: count } });
    await refused({ model: heads(6) }, { kind: 'mismatch', names: ['octo_transformer/BlockTransformer_0/Transformer_0/encoderblock_0/MultiHeadDotProductAttention_0/query/kernel'] }); // prettier-ignore
    await refused({ model: { readouts: { other: 1 } } }, { kind: 'unsupported', fields: ['model.readouts.other'] }); // prettier-ignore
    for (const file of ['config.json', 'dataset_statistics.json', 'tokenizer.json'])
      await refused({ change: (folder) => rm(join(folder, file)) }, { kind: 'missing', names: [file] }); // prettier-ignore
  });

  it('options of other families', () =>
    refused({}, { kind: 'mismatch', fields: ['--steps'] }, { steps: 5 }));

  it('cameras that are not as many as its images', () =>
    refused({}, { kind: 'mismatch', fields: ['--cameras'], names: ['primary', 'wrist'] }, { cameras: ['cam_high'] })); // prettier-ignore

  it('a JAX checkpoint that is not converted yet', () =>
    withFolder(async (root) => {
      await writeFile(join(root, 'example_batch.msgpack'), '');
      await assertRejectsAbout(importPolicy(root, { out: join(root, 'bundle') }), { kind: 'unsupported', names: ['octo_to_safetensors.py'] }); // prettier-ignore
    }));
});
