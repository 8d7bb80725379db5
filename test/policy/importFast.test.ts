import assert from 'node:assert/strict';
import { copyFile, cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Tensor } from 'onnxruntime-node';
import { runAttempt } from '../../src/control/attempt.ts';
import { readEpisode } from '../../src/episodes/readEpisode.ts';
import { recordEpisode } from '../../src/episodes/recordEpisode.ts';
import { Graph } from '../../src/onnx/graph.ts';
import { gradients } from '../../src/onnx/gradient.ts';
import { concat, negate, reduceMean, reshape, slice } from '../../src/onnx/operators.ts';
import { logProbabilities } from '../../src/policy/families/pi0-fast/likelihood.ts';
import { LANGUAGE } from '../../src/policy/paligemma/prefix.ts';
import { EMBEDDINGS } from '../../src/policy/paligemma/weightNames.ts';
import { WEIGHTS_FILE, loadBundle } from '../../src/policy/bundle/bundle.ts';
import type { Bundle } from '../../src/policy/bundle/config.ts';
import { makeGolden, verifyBundle } from '../../src/policy/bundle/verification.ts';
import { importPolicy, importReport } from '../../src/policy/families/importers.ts';
import type { ImportOptions } from '../../src/policy/families/importers.ts';
import { codesIn } from '../../src/policy/families/pi0-fast/actionTokens.ts';
import type { FastConfig } from '../../src/policy/families/pi0-fast/config.ts';
import { fastCodec } from '../../src/policy/families/pi0-fast/fast/codec.ts';
import { allowedIds } from '../../src/policy/families/pi0-fast/actionTokens.ts';
import { sampleGraph } from '../../src/policy/families/pi0-fast/graphs.ts';
import { promptText } from '../../src/policy/families/pi0-fast/layout.ts';
import { loadPromptTokenizer } from '../../src/policy/paligemma/tokenizer.ts';
import { externalWeights, inputWeights } from '../../src/policy/paligemma/weights.ts';
import { openSampler } from '../../src/policy/sampler.ts';
import { openWorkerPolicy } from '../../src/policy/worker/workerPolicy.ts';
import { openParts } from '../../src/processes/openParts.ts';
import { describeMisfits } from '../../src/rollouts/attemptReport.ts';
import { episodeHeader } from '../../src/rollouts/episodeHeader.ts';
import { sessionConfigSchema } from '../../src/session/session.ts';
import { simulatedAloha } from '../../src/sim/simulatedAloha.ts';
import { loadSafetensors, writeSafetensors } from '../../src/tensors/safetensors.ts';
import { readShardedHeader } from '../../src/tensors/shards.ts';
import { withFolder } from '../onnx/run.ts';
import { STATS, writeAsset } from './checkpoints.ts';
import { logSoftmax, readActions, readPrompt, runOn, weightFeeds } from './fastNetwork.ts';
import { goldenTensors, largestOf, stackCameras } from './golden.ts';
import { type About, assertAbout, assertRejectsAbout, assertSaid } from '../refusals.ts';
import { GOLDEN_CONFIG, GOLDEN_FAST, GOLDEN_MARKS, distance, goldenCases, goldenFastJson, goldenPairs, sampleOf } from './goldenFast.ts'; // prettier-ignore

const PATCHES =
  'paligemma_with_expert.paligemma.model.vision_tower.vision_model.embeddings.patch_embedding.weight';
const SESSION = sessionConfigSchema.parse({ threads: 1 });
const V = GOLDEN_CONFIG.language.vocabulary;

/** Statistics with which states of ALOHA lie within −1…1. */
const statistics = { norm_stats: STATS };

interface Checkpoint {
  weights?: string;
  config?: Record<string, unknown>;
  /** Leaves files of the tokenizers out. */
  without?: string;
}

/** The golden policy as a checkpoint of a robot with fourteen joints. */
async function writeGolden(
  folder: string,
  { weights = 'model.safetensors', config = {}, without }: Checkpoint = {},
) {
  // prettier-ignore
  await mkdir(folder, { recursive: true });
  await copyFile(join(GOLDEN_FAST, weights), join(folder, 'model.safetensors'));
  const golden = await goldenFastJson<Record<string, unknown>>('config.json');
  const robot = { type: undefined, image_features: undefined, input_features: undefined, action_dim: 14 }; // prettier-ignore
  const whole = { ...golden, ...robot, tokenizer_max_length: 200, ...config };
  await writeFile(join(folder, 'config.json'), JSON.stringify(whole));
  await copyFile(join(GOLDEN_FAST, 'text/tokenizer.json'), join(folder, 'tokenizer.json'));
  await cp(join(GOLDEN_FAST, 'fast'), join(folder, 'fast'), { recursive: true });
  await writeAsset(folder, 'trossen', statistics);
  if (without) await rm(join(folder, without), { recursive: true });
}

const SAID = { embodiment: 'aloha', adaptToPi: false, deltaActions: false } as const;

/** Imports a checkpoint that is changed from the golden one. */
const imported = (
  checkpoint: Checkpoint,
  use: (made: Awaited<ReturnType<typeof importPolicy>>, root: string) => Promise<void> | void,
  changes: Partial<ImportOptions> = {},
) =>
  withFolder(async (root) => {
    const folder = join(root, 'checkpoint');
    await writeGolden(folder, checkpoint);
    await use(await importPolicy(folder, { ...SAID, out: join(root, 'bundle'), ...changes }), root);
  });

const refused = (checkpoint: Checkpoint, about: About, changes: Partial<ImportOptions> = {}) =>
  assertRejectsAbout(
    imported(checkpoint, () => undefined, changes),
    about,
  );

const fastOf = ({ architecture }: Bundle) => architecture as FastConfig;

const sourceOf = async (folder: string) => {
  const path = join(folder, WEIGHTS_FILE);
  return externalWeights(await readShardedHeader(path), path, path);
};

const near = (actual: ArrayLike<number>, golden: ArrayLike<number>, limit: number) => {
  const { most } = distance(actual, golden);
  assert.ok(most <= limit, `off by ${most}, more than ${limit}`);
};

const ids = (values: ArrayLike<bigint>, dims: number[]) =>
  new Tensor('int64', BigInt64Array.from(Array.from(values)), dims);
const ones = (dims: number[]) =>
  new Tensor('bool', new Uint8Array(dims.reduce((a, b) => a * b)).fill(1), dims);
const numbers = ({ data }: Tensor) => data as Float32Array;
const zeros = (config: FastConfig) => {
  const dims = [21, allowedIds(config, GOLDEN_MARKS).length];
  return new Tensor('float32', new Float32Array(dims[0] * dims[1]), dims);
};

describe('an imported π0-FAST of lerobot', () => {
  it('is a bundle with its conventions, its tokenizers, and its own weights', () =>
    imported({ config: { type: 'pi0_fast' } }, async ({ bundle, placement, ...made }, root) => {
      const policy = JSON.parse(await readFile(join(bundle.folder, 'policy.json'), 'utf8')) as Record<string, unknown>; // prettier-ignore
      assert.equal(policy.family, 'pi0-fast');
      assert.deepEqual(fastOf(bundle), {
        ...GOLDEN_CONFIG,
        ...{ maxTokens: 200, actionDim: 14, stateDim: 14, decoding: 'relaxed' },
      });
      assert.equal(placement, 'copied');
      const report = new Map(importReport({ bundle, placement, ...made }));
      assert.equal(report.get('family'), 'π0-FAST');
      assertSaid(report.get('sampling')!, '8 rows', '24 tokens', 'likeliest', 'lerobot');
      assert.equal(report.get('actions by'), join(root, 'checkpoint/fast/tokenizer.json'));
      for (const [file, golden] of [
        ['tokenizer.json', 'text/tokenizer.json'],
        ['action-tokenizer.json', 'fast/tokenizer.json'],
      ])
        assert.equal(
          await readFile(join(bundle.folder, file), 'utf8'),
          await readFile(join(GOLDEN_FAST, golden), 'utf8'),
        );
    }));

  it('writes the reference’s tokens', () =>
    imported({ config: { type: 'pi0_fast' } }, async ({ bundle }) => {
      const expected = await goldenTensors('expected.safetensors', GOLDEN_FAST);
      const config = fastOf(bundle);
      const graph = sampleGraph(config, await sourceOf(bundle.folder), 'floats', GOLDEN_MARKS);
      const words = [...(sampleOf(expected('lang_masks'), 0).data as Uint8Array)].filter(Boolean).length; // prettier-ignore
      const prompt = (expected('lang_tokens').data as BigInt64Array).slice(0, words);
      const { written } = await runOn(bundle.folder, graph, {
        images: stackCameras([0, 1].map((i) => sampleOf(expected(`image.${i}`), 0))),
        tokens: ids([...prompt, 2n], [1, words + 1]),
        noise: zeros(config),
      });
      const golden = [...(expected('gen.tokens').data as BigInt64Array)];
      assert.deepEqual([...(written.data as BigInt64Array)], golden.slice(3, golden.indexOf(374n) + 1)); // prettier-ignore
    }));

  it('has one table where the checkpoint has one, under either name', async () => {
    const { tensors } = await loadSafetensors(join(GOLDEN_FAST, 'model.safetensors'));
    for (const left of ['lm_head.weight', 'embed_tokens.weight'])
      await withFolder(async (root) => {
        const folder = join(root, 'checkpoint');
        await writeGolden(folder);
        const kept = [...tensors].filter(([name]) => !name.endsWith(left));
        await writeSafetensors(join(folder, WEIGHTS_FILE), kept.map(([name, tensor]) => ({ name, ...tensor }))); // prettier-ignore
        const { bundle } = await importPolicy(folder, { ...SAID, out: join(root, 'bundle') });
        assert.equal(fastOf(bundle).tiedHead, true);
        assert.deepEqual((await verified(bundle)).length, 4);
      });
  });

  for (const [precision, prefixBits] of [
    ['bfloat16', undefined],
    ['float32', 8],
    ['float32', 4],
  ] as const)
    it(`in ${precision}${prefixBits ? ` and ${prefixBits} bits` : ''} still samples what it did, nearly`, () =>
      imported({}, async ({ bundle: whole }, root) => {
        await makeGolden(whole, SESSION);
        const out = join(root, 'converted');
        const { bundle } = await importPolicy(join(root, 'checkpoint'), { ...SAID, out, precision, prefixBits }); // prettier-ignore
        await copyFile(join(whole.folder, 'golden.safetensors'), join(out, 'golden.safetensors'));
        const { passes, agreements } = await verifyBundle(await loadBundle(out), SESSION);
        assert.ok(prefixBits === 4 || passes, JSON.stringify(agreements));
        assert.equal(bundle.isPacked, prefixBits !== undefined);
      }));
});

/** Makes a bundle's golden numbers and compares with them: the stages. */
async function verified(bundle: Bundle): Promise<string[]> {
  await makeGolden(bundle, SESSION);
  const { passes, agreements } = await verifyBundle(await loadBundle(bundle.folder), SESSION);
  assert.ok(passes);
  return agreements.map(({ stage }) => stage);
}

describe('an imported π0-FAST of openpi', () => {
  const openpi = { weights: 'model-openpi.safetensors' };

  it('is converted, with its conventions', () =>
    imported(openpi, ({ bundle, placement }) => {
      const { layout, decoding, tiedHead, language, vision } = fastOf(bundle);
      assert.deepEqual({ layout, decoding, tiedHead }, { layout: 'openpi', decoding: 'strict', tiedHead: true }); // prettier-ignore
      assert.deepEqual({ language, vision }, { language: GOLDEN_CONFIG.language, vision: GOLDEN_CONFIG.vision }); // prettier-ignore
      assert.equal(placement, 'converted');
    }));

  it('shows a black image in the place of a camera that the robot lacks, as openpi does', () =>
    withFolder(async (root) => {
      const folder = join(root, 'checkpoint');
      await writeGolden(folder, { ...openpi, config: { action_dim: 8 } });
      const ofArm = (moments: Record<string, number[]>) =>
        Object.fromEntries(Object.entries(moments).map(([name, all]) => [name, all.slice(0, 8)]));
      const norm_stats = { state: ofArm(STATS.state), actions: ofArm(STATS.actions) };
      const stats = await writeAsset(folder, 'droid', { norm_stats });
      const options = { embodiment: 'droid', deltaActions: false, stats } as const;
      const { bundle } = await importPolicy(folder, { ...options, out: join(root, 'bundle') });
      assert.deepEqual(bundle.cameras, ['exterior_image_1_left', 'wrist_image_left']);
      assert.deepEqual(fastOf(bundle).black, [1]);
      assert.equal((await verified(bundle)).at(-1), 'actions');
    }));

  it('agrees with openpi’s own code: prompts, likelihood to 2e-5, loss to 2e-7', () =>
    imported(openpi, async ({ bundle }) => {
      const expected = await goldenTensors('expected.safetensors', GOLDEN_FAST);
      const inputs = await goldenTensors('inputs.safetensors', GOLDEN_FAST);
      const config = fastOf(bundle);
      const { tasks } = await goldenCases();
      const text = await loadPromptTokenizer(join(bundle.folder, 'tokenizer.json'));
      const source = await sourceOf(bundle.folder);
      for (const sample of [0, 1]) {
        const own = (name: string) => Array.from(sampleOf(expected(name), sample).data as BigInt64Array, Number); // prettier-ignore
        const [tokens, mask, isAction, isScored] = ['tokens', 'mask', 'ar_mask', 'loss_mask'].map((name) => own(`openpi.train.${name}`)); // prettier-ignore
        const count = mask.filter(Boolean).length;
        const early = isAction.indexOf(1);
        const normalised = Float32Array.from(sampleOf(expected('state_normalized'), sample).data as Float32Array); // prettier-ignore
        const prompt = [text.begin, ...text.encode(promptText(config, tasks[sample], normalised))];
        assert.deepEqual(prompt, tokens.slice(0, early));

        const late = count - early;
        const graph = new Graph('likelihood');
        const read = readPrompt(graph, source, config);
        graph.output('prompt', reshape(read.logits, ['batch', '9*cameras+text', V], read.embeddings)); // prettier-ignore
        graph.output('actions', readActions(graph, source, read, late, config).logits);
        const found = await runOn(bundle.folder, graph, {
          images: stackCameras([0, 1, 2].map((i) => sampleOf(inputs(`openpi.loss_image.${i}`), sample))), // prettier-ignore
          camera_mask: ones([1, 3]),
          tokens: ids(tokens.slice(0, early).map(BigInt), [1, early]),
          token_mask: ones([1, early]),
          action_tokens: ids(tokens.slice(early, count).map(BigInt), [1, late]),
          action_mask: ones([1, late]),
        });
        const logits = [...numbers(found.prompt).slice(-V), ...numbers(found.actions)];
        const logp = logSoftmax(logits, V).slice(0, late).map((row, i) => row[tokens[early + i]]); // prettier-ignore
        const golden = sampleOf(expected('openpi.logp'), sample).data as Float32Array;
        const scored = Array.from(golden.subarray(early - 1, count - 1));
        near(logp, scored, 2e-5);
        const counted = isScored.slice(1).flatMap((yes, i) => (yes ? [logp[i + 1 - early]] : []));
        const loss = -counted.reduce((sum, value) => sum + value, 0) / counted.length;
        near([loss], [numbers(expected('openpi.loss'))[sample]], 1e-6);
      }
    }));

  it('reads images and prompt as openpi does, to 2e-5', () =>
    imported(openpi, async ({ bundle }) => {
      const expected = await goldenTensors('expected.safetensors', GOLDEN_FAST);
      const source = await sourceOf(bundle.folder);
      for (const sample of [0, 1]) {
        const own = (name: string) => sampleOf(expected(name), sample);
        const words = [...(own('openpi.prompt.mask').data as Uint8Array)].filter(Boolean).length;
        const graph = new Graph('prompt');
        graph.output('embeddings', readPrompt(graph, source, fastOf(bundle)).embeddings);
        const { embeddings } = await runOn(bundle.folder, graph, {
          images: stackCameras([0, 1, 2].map((i) => own(`image.${i}`))),
          camera_mask: ones([1, 3]),
          tokens: ids((own('openpi.prompt.tokens').data as BigInt64Array).slice(0, words), [1, words]), // prettier-ignore
          token_mask: ones([1, words]),
        });
        const golden = numbers(own('openpi.prefix.embs')).subarray(0, embeddings.size);
        near(numbers(embeddings), golden, 2e-5);
      }
    }));

  it('has the gradients of openpi’s loss, to 3e-5 of the largest', () =>
    imported(openpi, async ({ bundle }) => {
      const expected = await goldenTensors('expected.safetensors', GOLDEN_FAST);
      const inputs = await goldenTensors('inputs.safetensors', GOLDEN_FAST);
      const config = fastOf(bundle);
      const layer = (i: number) => `${LANGUAGE}.layers.${i}.self_attn.q_proj.weight`;
      const learned = [EMBEDDINGS, PATCHES, layer(0), layer(1)];
      const sums = new Map<string, Float64Array>();
      for (const sample of [0, 1]) {
        const own = (name: string) => Array.from(sampleOf(expected(`openpi.train.${name}`), sample).data as BigInt64Array, Number); // prettier-ignore
        const [tokens, mask, isAction] = ['tokens', 'mask', 'ar_mask'].map(own);
        const count = mask.filter(Boolean).length;
        const early = isAction.indexOf(1);
        const late = count - early;
        const graph = new Graph('loss');
        const weights = inputWeights(graph);
        const sizes = { batch: 1, cameras: 3, text: early };
        const read = readPrompt(graph, () => weights, config, { sizes });
        const behind = readActions(graph, () => weights, read, late, config, 1).logits;
        const last = slice(read.logits, 0, 27 + early - 1, 27 + early);
        const logits = concat([last, slice(behind, 0, 0, late - 1)], 0);
        const targets = reshape(
          graph.inputs.find(({ name }) => name === 'action_tokens')!,
          [late],
        );
        const loss = negate(reduceMean(logProbabilities(logits, targets), [0, 1], false));
        const inputOf = (name: string) => graph.inputs.find((input) => input.name === name)!;
        gradients(loss, learned.map(inputOf)).forEach((one, i) => graph.output(`gradient.${i}`, one)); // prettier-ignore
        const file = join(bundle.folder, WEIGHTS_FILE);
        const found = await runOn(bundle.folder, graph, {
          images: stackCameras([0, 1, 2].map((i) => sampleOf(inputs(`openpi.loss_image.${i}`), sample))), // prettier-ignore
          camera_mask: ones([1, 3]),
          tokens: ids(tokens.slice(0, early).map(BigInt), [1, early]),
          token_mask: ones([1, early]),
          action_tokens: ids(tokens.slice(early, count).map(BigInt), [1, late]),
          action_mask: ones([1, late]),
          ...(await weightFeeds(graph, file, (name) => name.includes('.'))),
        });
        learned.forEach((name, i) => {
          const gradient = numbers(found[`gradient.${i}`]);
          const sum = sums.get(name) ?? new Float64Array(gradient.length);
          sums.set(
            name,
            sum.map((value, at) => value + gradient[at] / 2),
          );
        });
      }
      const compare = (golden: string, at: (index: number) => number) => {
        const values = numbers(expected(`openpi.grad.PaliGemma/${golden}`));
        near(
          Array.from(values, (_, i) => at(i)),
          values,
          3e-5 * largestOf(values),
        );
      };
      compare('llm/embedder/input_embedding', (i) => sums.get(EMBEDDINGS)![i]);
      // [layer, head, in, size] and [row, column, colour, out].
      compare('llm/layers/attn/q_einsum/w', (i) => {
        const [size, from, head, of] = [i % 16, Math.floor(i / 16) % 48, Math.floor(i / 768) % 4, Math.floor(i / 3072)]; // prettier-ignore
        return sums.get(layer(of))![(head * 16 + size) * 48 + from];
      });
      compare('img/embedding/kernel', (i) => {
        const [out, colour, pixel] = [i % 32, Math.floor(i / 32) % 3, Math.floor(i / 96)];
        return sums.get(PATCHES)![(out * 3 + colour) * 196 + pixel];
      });
    }));

  it('writes openpi’s tokens, their logits to 2e-5, and its chunk to 1e-9', () =>
    imported(openpi, async ({ bundle }) => {
      const expected = await goldenTensors('expected.safetensors', GOLDEN_FAST);
      const config = { ...fastOf(bundle), actionDim: 3, stateDim: 4 };
      const graph = sampleGraph(config, await sourceOf(bundle.folder), 'floats', GOLDEN_MARKS);
      const allowed = allowedIds(config, GOLDEN_MARKS);
      const { decode } = fastCodec(await goldenPairs(), config);
      for (const sample of [0, 1]) {
        const own = (name: string) => sampleOf(expected(name), sample);
        const words = [...(own('openpi.prompt.mask').data as Uint8Array)].filter(Boolean).length;
        const { written, logits } = await runOn(bundle.folder, graph, {
          images: stackCameras([0, 1, 2].map((i) => own(`image.${i}`))),
          tokens: ids((own('openpi.prompt.tokens').data as BigInt64Array).slice(0, words), [1, words]), // prettier-ignore
          noise: zeros(config),
        });
        const golden = Array.from(own('openpi.gen.tokens').data as BigInt64Array, Number);
        const tokens = Array.from(written.data as BigInt64Array, Number);
        assert.deepEqual(tokens, golden.slice(3, golden.indexOf(374) + 1));
        // Those of the first four steps are known; the first code's is the last of them.
        const first = Array.from(own('openpi.gen.logits').data as Float32Array).slice(3 * V);
        near(numbers(logits).slice(0, allowed.length), allowed.map((id) => first[id]), 2e-5); // prettier-ignore
        const { actions: chunk } = decode(codesIn(tokens, GOLDEN_MARKS, config));
        near(chunk, own('openpi.gen.actions').data as Float64Array as unknown as number[], 1e-9);
      }
    }));
});

describe('the import of a π0-FAST is refused, with the remedy, for', () => {
  it('a checkpoint without an action tokenizer', () =>
    refused({ without: 'fast' }, { kind: 'missing', subject: 'fast/tokenizer.json', fields: ['--action-tokenizer'] })); // prettier-ignore

  it('a tokenizer of another model', async () => {
    await refused({ config: { fast_skip_tokens: 600 } }, { kind: 'invalid', fields: ['fast.vocabulary'], names: ['600', 'language.vocabulary'] }); // prettier-ignore
  });

  it('actions of fewer numbers than the robot has', () =>
    refused(
      { config: { action_dim: 7 } },
      {
        kind: 'mismatch',
        subject: 'config.json',
        fields: ['actions'],
        names: ['7', 'aloha', '14'],
      },
    ));

  it('another family’s configuration', () =>
    refused({ config: { type: 'pi0' } }, { kind: 'mismatch', subject: 'config.json', fields: ['type'], names: ['pi0', 'pi0_fast'] })); // prettier-ignore

  it('what belongs to a flow', () =>
    refused({}, { kind: 'unsupported', subject: 'checkpoint', fields: ['--steps'] }, { steps: 5 }));
});

describe('a π0-FAST bundle', () => {
  const image = { width: 42, height: 42, pixels: new Uint8Array(42 * 42 * 3).fill(120) };
  const request = {
    images: [image, image, image],
    state: new Float64Array(14),
    prompt: 'pick up the red block',
    noise: 'zero' as const,
  };

  it('is refused, with the reason, for a tokenizer that its table or its number of codes does not fit', () =>
    imported({}, async ({ bundle }) => {
      const path = join(bundle.folder, 'action-tokenizer.json');
      const tokenizer = JSON.parse(await readFile(path, 'utf8')) as { model: { vocab: Record<string, number> } }; // prettier-ignore
      tokenizer.model.vocab.more = 256;
      await writeFile(path, JSON.stringify(tokenizer));
      await assertRejectsAbout(loadBundle(bundle.folder), { kind: 'mismatch', names: ['257', '256'] }); // prettier-ignore
    }));

  it('names a prompt that is too long, and plays no chunk that cannot be decoded', () =>
    imported({}, async ({ bundle }) => {
      const sampler = await openSampler(bundle, SESSION);
      try {
        const prompt = 'red '.repeat(200);
        await assertRejectsAbout(sampler.sample({ ...request, prompt }), { kind: 'unsupported', fields: ['prompt'], names: ['200'] }); // prettier-ignore
      } finally {
        await sampler.close();
      }
      const strict = { ...bundle, architecture: { ...fastOf(bundle), decoding: 'strict' } };
      const other = await openSampler(strict, SESSION);
      try {
        // It was fitted to chunks of three numbers, not of fourteen.
        await assertRejectsAbout(other.sample(request), { kind: 'invalid', fields: ['tokens'], names: ['8 × 14', '112'] }); // prettier-ignore
      } finally {
        await other.close();
      }
    }));

  it('drives the simulated robot, and stops it with the reason where tokens are no chunk; what was padded is recorded and counted', () =>
    imported({}, async ({ bundle }) => {
      const attempt = async (decoding: 'relaxed' | 'strict') => {
        const { keep, closeAll } = openParts();
        try {
          const architecture = { ...fastOf(bundle), decoding };
          const policy = keep(await openWorkerPolicy({ ...bundle, architecture }, SESSION));
          assert.equal(policy.join, 'swap');
          const robot = keep(await simulatedAloha({ task: 'transfer-cube', cameras: policy.cameras })); // prettier-ignore
          const stop = new AbortController();
          let chunks = 0;
          const onChunk = () => void (++chunks === 2 && stop.abort());
          const header = episodeHeader(robot, { id: decoding, policy: bundle.name, seed: 1 });
          const recorder = await recordEpisode(join(bundle.folder, 'episodes'), header);
          const result = await runAttempt({ robot, task: robot, policy, seed: 1, awaitChunks: true, recorder, onChunk, signal: stop.signal }); // prettier-ignore
          return { played: chunks, ...result };
        } finally {
          await closeAll();
        }
      };
      const { episode, ...relaxed } = await attempt('relaxed');
      const { mendedChunks, refusedChunks } = relaxed;
      assert.deepEqual([relaxed.played, mendedChunks, refusedChunks], [2, 2, 0]);
      // It was fitted to chunks of 8 × 3 numbers; zeros stand for most of 8 × 14.
      const { chunks } = await readEpisode(episode!);
      for (const { tokens } of chunks) assert.ok(tokens!.excess! < 0 && tokens!.excess! >= -8 * 14);
      assert.deepEqual(describeMisfits(relaxed), ['2 chunks padded or cut']);

      const { played, outcome, problem, ...strict } = await attempt('strict');
      assert.deepEqual({ played, outcome }, { played: 0, outcome: 'discarded' });
      assert.deepEqual([strict.mendedChunks, strict.refusedChunks], [0, 1]);
      assert.deepEqual(describeMisfits(strict), ['1 answer refused as no chunk']);
      assertAbout(problem, { kind: 'invalid', names: ['chunk 0', 'Nothing is moved'] });
      assert.equal((await readEpisode(strict.episode!)).result!.problem, problem!.message);
    }));

  it('samples the same chunk from the same seed, and others from others', () =>
    imported({ config: { temperature: 3 } }, async ({ bundle }) => {
      const sampler = await openSampler(bundle, SESSION);
      const chunk = async (noise: { seed: number } | 'zero') => [...(await sampler.sample({ ...request, noise })).actions]; // prettier-ignore
      try {
        const [first, again, other] = [await chunk({ seed: 4 }), await chunk({ seed: 4 }), await chunk({ seed: 5 })]; // prettier-ignore
        assert.equal(first.length, 8 * 14);
        assert.deepEqual(again, first);
        assert.notDeepEqual(other, first);
        assert.deepEqual(await chunk('zero'), await chunk('zero'));
      } finally {
        await sampler.close();
      }
    }));
});
