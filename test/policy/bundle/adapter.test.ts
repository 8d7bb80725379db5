import assert from 'node:assert/strict';
import { delegatePolicy } from '../../../src/policy/policyWrappers.ts';
import { delegateTask } from '../../../src/robot/delegates.ts';
import { randomWeights } from '../../../src/policy/families/pi0/randomWeights.ts';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, mock } from 'node:test';
import { InferenceSession } from 'onnxruntime-node';
import type { Spread } from '../../../src/policy/exploration.ts';
import { writeSafetensors } from '../../../src/tensors/safetensors.ts';
import { sessionConfigSchema } from '../../../src/session/session.ts';
import { readAdapter } from '../../../src/policy/bundle/readAdapter.ts';
import {
  type Adapter,
  type Place,
  adapterFor,
  makeAdapter,
  writeAdapter,
} from '../../../src/policy/bundle/adapter.ts';
import { ADAPTER_FILE, loadBundle, writeBundle } from '../../../src/policy/bundle/bundle.ts';
import { gaussianNoise } from '../../../src/tensors/noise.ts';
import { type Pi0Config, pi0ConfigSchema } from '../../../src/policy/families/pi0/config.ts';
import { type SampleRequest, openSampler } from '../../../src/policy/sampler.ts';
import { tinyFiles } from '../../../src/policy/paligemma/tokenizer.ts';
import { type Trainable, parameterCount } from '../../../src/policy/trainable.ts';
import { trainableParameters } from '../../../src/policy/families/pi0/trainable.ts';
import { openWorkerPolicy } from '../../../src/policy/worker/workerPolicy.ts';
import { runAttempt } from '../../../src/control/attempt.ts';
import { simulatedAloha } from '../../../src/sim/simulatedAloha.ts';
import { tinyBundle, writeTinyBundle } from '../../learning/tiny.ts';
import { withFolder } from '../../onnx/run.ts';
import { type Bundle, type BundleConfig } from '../../../src/policy/bundle/config.ts';
import { type About, assertRejectsAbout, assertThrowsAbout } from '../../refusals.ts';

const SESSION = sessionConfigSchema.parse({ threads: 1 });
const LORA: Trainable = { parameters: 'lora', rank: 3, alpha: 6, layers: [1] };

const image = (value: number) => ({
  width: 8,
  height: 8,
  pixels: new Uint8Array(192).fill(value),
});
const REQUEST = {
  images: [image(40), image(200)],
  state: Float64Array.of(0.1, -0.2, 0.3),
  prompt: 'go',
  noise: { seed: 5 },
} satisfies SampleRequest;

/** As small, for the simulated ALOHA. */
const ALOHA: BundleConfig<Pi0Config> = {
  ...tinyBundle,
  embodiment: 'aloha',
  executeSteps: 25,
  architecture: {
    ...tinyBundle.architecture,
    horizon: 50,
    actionDim: 14,
    stateDim: 14,
    maxTokens: 16,
  },
};

const withBundle = (body: (bundle: Bundle) => Promise<void>, seed = 0) =>
  withFolder(async (folder) => {
    await writeTinyBundle(folder, seed);
    await body(await loadBundle(folder));
  });

/** Random values of what learns. */
function randomAdapter(
  trainable: Trainable,
  base: string,
  seed: number,
  pi0 = tinyBundle.architecture,
): Adapter {
  const parameters = new Map(
    trainableParameters(trainable, pi0).map(({ name, shape }, i) => {
      const count = shape.reduce((a, b) => a * b, 1);
      return [name, { shape, data: gaussianNoise([seed, i], count).map((x) => x * 0.3) }];
    }),
  );
  return makeAdapter({ trainable, base, parameters });
}

/** The weights of another bundle as an adapter. */
function weightsAsAdapter(trainable: Trainable, base: string, seed: number): Adapter {
  const weights = new Map(
    randomWeights(tinyBundle.architecture, seed).map((tensor) => [tensor.name, tensor]),
  );
  const parameters = new Map(
    trainableParameters(trainable, tinyBundle.architecture).map(({ name, shape }) => [
      name,
      { shape, data: weights.get(name)!.data as Float32Array },
    ]),
  );
  return makeAdapter({ trainable, base, parameters });
}

async function sampleOnce(bundle: Bundle, trainable?: Trainable, adapter?: Adapter) {
  const sampler = await openSampler(bundle, SESSION, { trainable });
  if (adapter) await sampler.adopt(adapter);
  const chunk = await sampler.sample(REQUEST);
  await sampler.close();
  return chunk;
}

function assertClose(a: Float32Array, b: Float32Array, tolerance = 2e-5) {
  const worst = a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
  assert.ok(worst <= tolerance, `differs by ${worst}`);
}

/** W + (alpha / rank)·B·A in float64, for every weight that a LoRA adapter changes. */
function merged({ parameters }: Adapter, scale: number, seed: number) {
  return randomWeights(tinyBundle.architecture, seed).map((tensor) => {
    const layer = tensor.name.replace(/\.weight$/, '');
    const [down, up] = ['lora_A', 'lora_B'].map((part) =>
      parameters.get(`${layer}.${part}.weight`),
    );
    if (!down || !up) return tensor;
    const [rank, columns] = down.shape;
    const data = Float32Array.from(tensor.data as Float32Array, (value, i) => {
      const [row, column] = [Math.floor(i / columns), i % columns];
      let change = 0;
      for (let r = 0; r < rank; r++)
        change += up.data[row * rank + r] * down.data[r * columns + column];
      return value + scale * change;
    });
    return { ...tensor, data };
  });
}

describe('what learns of a π0', () => {
  const names = (trainable: Trainable) =>
    trainableParameters(trainable, tinyBundle.architecture).map(({ name }) => name);

  it('is every weight, the expert with its projections, or adapters of chosen layers', () => {
    const all = names({ parameters: 'all' });
    const expert = names({ parameters: 'expert' });
    assert.deepEqual(
      expert,
      all.filter((name) => !name.includes('paligemma.model')),
    );
    assert.ok(expert.includes('action_out_proj.bias') && expert.length < all.length);
    const adapted = names(LORA);
    assert.equal(adapted.length, 2 * 7);
    assert.ok(adapted.every((name) => /gemma_expert\.model\.layers\.1\..*lora_[AB]/.test(name)));
    assertThrowsAbout(() => names({ ...LORA, layers: [0, 2] }), {
      kind: 'invalid',
      fields: ['layers'],
      names: [2, 0, 1],
    });
  });

  it('has 13.86 million parameters for rank 32 on all layers of the published size', () => {
    const expert = { width: 1024, depth: 18, mlp: 4096, heads: 8, kvHeads: 1, headDim: 256 };
    const config = pi0ConfigSchema.parse({
      vision: { width: 1152, depth: 1, mlp: 4304, heads: 16, patch: 14, imageSize: 224 },
      language: { ...expert, width: 2048, mlp: 16384, vocabulary: 257152 },
      expert,
      maxTokens: 48,
      horizon: 50,
      actionDim: 32,
      stateDim: 32,
    });
    const parameters = trainableParameters({ parameters: 'lora', rank: 32 }, config);
    assert.equal(parameterCount(parameters), 13_860_864);
  });
});

describe('a sampler with trainable parameters', () => {
  for (const trainable of [{ parameters: 'all' }, { parameters: 'expert' }, LORA] as Trainable[])
    it(`samples the bundle's own chunks until it adopts others (${trainable.parameters})`, () =>
      withBundle(async (bundle) => {
        const plain = await sampleOnce(bundle);
        const adaptive = await sampleOnce(bundle, trainable);
        assertClose(adaptive.actions, plain.actions);
        assert.equal(adaptive.policyVersion, bundle.version);
      }));

  it('samples from an adopted LoRA adapter what weights merged by hand give', () =>
    withBundle(async (bundle) => {
      const adapter = randomAdapter(LORA, bundle.base, 7);
      const chunk = await sampleOnce(bundle, LORA, adapter);
      assert.equal(chunk.policyVersion, `${bundle.base}+${adapter.version}`);
      await withFolder(async (folder) => {
        const weights = merged(adapter, 2, 0);
        await writeBundle(folder, tinyBundle, tinyFiles(), weights);
        const expected = await sampleOnce(await loadBundle(folder));
        assertClose(chunk.actions, expected.actions);
        const before = await sampleOnce(bundle);
        assert.throws(() => assertClose(before.actions, expected.actions, 1e-2));
      });
    }));

  it("samples another bundle's chunks once it has adopted all its weights", () =>
    withBundle(async (bundle) => {
      const trainable: Trainable = { parameters: 'all' };
      const chunk = await sampleOnce(
        bundle,
        trainable,
        weightsAsAdapter(trainable, bundle.base, 1),
      );
      await withBundle(async (other) => {
        assertClose(chunk.actions, (await sampleOnce(other)).actions);
      }, 1);
    }));

  it("samples what the other bundle's expert makes of its own prefix once it has adopted that expert", () =>
    withBundle(async (bundle) => {
      const trainable: Trainable = { parameters: 'expert' };
      const adapter = weightsAsAdapter(trainable, bundle.base, 1);
      const chunk = await sampleOnce(bundle, trainable, adapter);
      await withFolder(async (folder) => {
        const weights = randomWeights(tinyBundle.architecture, 0).map((tensor) => ({
          ...tensor,
          data: adapter.parameters.get(tensor.name)?.data ?? tensor.data,
        }));
        await writeBundle(folder, tinyBundle, tinyFiles(), weights);
        assertClose(chunk.actions, (await sampleOnce(await loadBundle(folder))).actions);
      });
    }));

  it('opens one session, however often it adopts', () =>
    withBundle(async (bundle) => {
      const create = mock.method(InferenceSession, 'create');
      try {
        const sampler = await openSampler(bundle, SESSION, { trainable: LORA });
        for (const seed of [1, 2, 3]) {
          await sampler.adopt(randomAdapter(LORA, bundle.base, seed));
          await sampler.sample(REQUEST);
        }
        await sampler.close();
        assert.equal(create.mock.callCount(), 1);
      } finally {
        create.mock.restore();
      }
    }));

  it('signs a chunk that was under way with the version that it began with', () =>
    withBundle(async (bundle) => {
      const plain = await sampleOnce(bundle, LORA);
      const sampler = await openSampler(bundle, SESSION, { trainable: LORA });
      const under = sampler.sample(REQUEST);
      await sampler.adopt(randomAdapter(LORA, bundle.base, 1));
      const { actions, policyVersion } = await under;
      assert.deepEqual(actions, plain.actions);
      assert.equal(policyVersion, bundle.version);
      await sampler.close();
    }));

  it('keeps what it has adopted when the adapter is changed afterwards', () =>
    withBundle(async (bundle) => {
      const adapter = randomAdapter(LORA, bundle.base, 1);
      const sampler = await openSampler(bundle, SESSION, { trainable: LORA });
      await sampler.adopt(adapter);
      const before = await sampler.sample(REQUEST);
      for (const { data } of adapter.parameters.values()) data.fill(0);
      assert.deepEqual((await sampler.sample(REQUEST)).actions, before.actions);
      await sampler.close();
    }));

  it('takes no adapter where nothing was made learnable', () =>
    withBundle(async (bundle) => {
      const sampler = await openSampler(bundle, SESSION);
      await assertRejectsAbout(sampler.adopt(randomAdapter(LORA, bundle.base, 1)), {
        kind: 'unsupported',
      });
      await sampler.close();
    }));

  it('leaves the folder of the bundle as it is', () =>
    withBundle(async (bundle) => {
      const before = await readdir(bundle.folder);
      await sampleOnce(bundle, LORA);
      assert.deepEqual(await readdir(bundle.folder), before);
    }));

  it('takes new parameters between two chunks of one session, and says which made each', () =>
    withBundle(async (bundle) => {
      const adapters = [1, 2].map((seed) => randomAdapter(LORA, bundle.base, seed));
      const expected = [];
      for (const adapter of adapters) expected.push(await sampleOnce(bundle, LORA, adapter));
      const sampler = await openSampler(bundle, SESSION, { trainable: LORA });
      for (const i of [0, 1, 0]) {
        await sampler.adopt(adapters[i]);
        const { actions, policyVersion } = await sampler.sample(REQUEST);
        assert.deepEqual(actions, expected[i].actions);
        assert.equal(policyVersion, expected[i].policyVersion);
      }
      await sampler.close();
    }));

  it('refuses an adapter that does not fit, says why, and goes on with the one before', () =>
    withBundle(async (bundle) => {
      const sampler = await openSampler(bundle, SESSION, { trainable: LORA });
      const good = randomAdapter(LORA, bundle.base, 1);
      await sampler.adopt(good);
      const before = await sampler.sample(REQUEST);

      const broken = randomAdapter(LORA, bundle.base, 2);
      [...broken.parameters.values()][3].data[0] = NaN;
      const wide = {
        ...tinyBundle.architecture,
        expert: { ...tinyBundle.architecture.expert, width: 32 },
      };
      const wrong: [Adapter, ...names: (string | number)[]][] = [
        [randomAdapter(LORA, 'other', 2), 'other'],
        [randomAdapter({ ...LORA, rank: 2 }, bundle.base, 2), '[2, 24]', '[3, 24]'],
        [randomAdapter(LORA, bundle.base, 2, wide), '[3, 32]', '[3, 24]'],
        [randomAdapter({ ...LORA, layers: [0] }, bundle.base, 2), '[3, 24]'],
        [randomAdapter({ ...LORA, alpha: 3 }, bundle.base, 2), 3, 6],
        [randomAdapter({ parameters: 'expert' }, bundle.base, 2), 'expert', 'lora'],
        [broken],
      ];
      for (const [adapter, ...names] of wrong)
        await assertRejectsAbout(sampler.adopt(adapter), {
          kind: 'mismatch',
          subject: `adapter ${adapter.version}`,
          names,
        });
      assert.deepEqual((await sampler.sample(REQUEST)).actions, before.actions);
      await sampler.close();
    }));
});

describe('an adapter in a bundle', () => {
  it('is used by the sampler and part of the version', () =>
    withBundle(async (bundle) => {
      const adapter = randomAdapter(LORA, bundle.base, 4);
      await writeAdapter(join(bundle.folder, ADAPTER_FILE), adapter);
      const adapted = await loadBundle(bundle.folder);
      assert.equal(adapted.version, `${bundle.base}+${adapter.version}`);
      const chunk = await sampleOnce(adapted);
      assert.deepEqual(chunk.actions, (await sampleOnce(bundle, LORA, adapter)).actions);
      assert.equal(chunk.policyVersion, adapted.version);
    }));

  it('comes back from its file as it was written', () =>
    withBundle(async (bundle) => {
      const path = join(bundle.folder, 'one.safetensors');
      const adapter = randomAdapter(LORA, bundle.base, 4);
      await writeAdapter(path, adapter);
      assert.deepEqual(await readAdapter(path, bundle), adapter);
    }));

  it('keeps where the policy looks; to look straight is to have no view', () =>
    withBundle(async (bundle) => {
      const path = join(bundle.folder, 'one.safetensors');
      const adapter = randomAdapter(LORA, bundle.base, 4);
      const looking = (view: Float32Array) => makeAdapter({ ...adapter, view });
      const aside = looking(Float32Array.of(0.01, 0, 0, -0.1));
      await writeAdapter(path, aside);
      assert.deepEqual(await readAdapter(path, bundle), aside);
      assert.notEqual(aside.version, adapter.version);
      assert.deepEqual(looking(new Float32Array(4)), adapter);

      const refused: [Float32Array, About][] = [
        [
          Float32Array.of(0.01, 0),
          { kind: 'mismatch', subject: 'one.safetensors', names: ['2', '4'] },
        ],
        [
          Float32Array.of(0.01, 0, 0, 0.3),
          { kind: 'mismatch', subject: 'one.safetensors', names: ['±0.25'] },
        ],
        [
          Float32Array.of(0.01, 0, 0, NaN),
          { kind: 'invalid', subject: 'one.safetensors', fields: ['view[3]'] },
        ],
      ];
      for (const [view, about] of refused) {
        await writeAdapter(path, looking(view));
        await assertRejectsAbout(readAdapter(path, bundle), about);
      }
    }));

  it('keeps what is added to the actions; to add nothing is to have no offset', () =>
    withBundle(async (bundle) => {
      const path = join(bundle.folder, 'one.safetensors');
      const adapter = randomAdapter(LORA, bundle.base, 4);
      const { actionDim } = bundle.shape;
      const offsetBy = (values: Float32Array) => makeAdapter({ ...adapter, offset: values });
      const moved = offsetBy(new Float32Array(actionDim).fill(0.03));
      await writeAdapter(path, moved);
      assert.deepEqual(await readAdapter(path, bundle), moved);
      assert.notEqual(moved.version, adapter.version);
      assert.deepEqual(offsetBy(new Float32Array(actionDim)), adapter);

      const refused: [Float32Array, About][] = [
        [Float32Array.of(0.01), { kind: 'mismatch', subject: 'one.safetensors', names: ['1'] }],
        [
          new Float32Array(actionDim).fill(0.3),
          { kind: 'mismatch', subject: 'one.safetensors', names: ['±0.2'] },
        ],
        [
          new Float32Array(actionDim).fill(NaN),
          { kind: 'invalid', subject: 'one.safetensors', fields: ['offset[0]'] },
        ],
      ];
      for (const [values, about] of refused) {
        await writeAdapter(path, offsetBy(values));
        await assertRejectsAbout(readAdapter(path, bundle), about);
      }
    }));

  it('keeps how far attempts are to explore, for every action and camera', () =>
    withBundle(async (bundle) => {
      const path = join(bundle.folder, 'one.safetensors');
      const adapter = randomAdapter(LORA, bundle.base, 4);
      const offset = new Float32Array(bundle.shape.actionDim).fill(0.01);
      const view = Float32Array.of(0.01, 0, 0.02, 0.003);
      const exploring = (spread: Spread) => makeAdapter({ ...adapter, spread });
      const kept = exploring({ offset, view });
      await writeAdapter(path, kept);
      assert.deepEqual(await readAdapter(path, bundle), kept);
      assert.notEqual(kept.version, adapter.version);

      const refused: [Spread, About][] = [
        [
          { offset, view: view.slice(1) },
          { kind: 'mismatch', subject: 'one.safetensors', names: ['view', '3', '4'] },
        ],
        [
          { offset: offset.map(() => -1), view },
          { kind: 'mismatch', subject: 'one.safetensors', names: ['offset'] },
        ],
      ];
      for (const [spread, about] of refused) {
        await writeAdapter(path, exploring(spread));
        await assertRejectsAbout(readAdapter(path, bundle), about);
      }
    }));

  it('keeps its ticket and those in the race, at every robot; without them its version is as it was', () =>
    withBundle(async (bundle) => {
      const path = join(bundle.folder, 'one.safetensors');
      const values = { shape: [2], data: Float32Array.of(1, 2) };
      const parameters = new Map([['a', values]]);
      const { version } = makeAdapter({
        trainable: { parameters: 'expert' },
        base: 'b',
        parameters,
      });
      assert.equal(version, '400b2259b4b8', 'of before there were tickets');

      const adapter = randomAdapter(LORA, bundle.base, 4);
      const kept = [{ ticket: 0 }, { tickets: [0, 7] }, { ticket: 7, tickets: [0, 7] }].map(
        (tickets) => makeAdapter({ ...adapter, ...tickets, own: new Map([['a', {}]]) }),
      );
      for (const one of kept) {
        await writeAdapter(path, one);
        const read = await readAdapter(path, bundle);
        assert.deepEqual(read, one);
        const { ticket, tickets } = adapterFor(read, 'a');
        assert.deepEqual([ticket, tickets], [one.ticket, one.tickets]);
      }
      assert.equal(new Set([adapter, ...kept].map((one) => one.version)).size, 4);

      for (const ticket of [-1, 0.5]) {
        await writeAdapter(path, makeAdapter({ ...adapter, ticket }));
        const about = { kind: 'invalid', subject: 'one.safetensors', fields: ['ticket'] } as const;
        await assertRejectsAbout(readAdapter(path, bundle), about);
      }
    }));

  it('keeps the places of robots that have their own; each plays at its own, as the same version', () =>
    withBundle(async ({ folder, base, ...bundle }) => {
      const path = join(folder, 'adapter.out');
      const { actionDim } = tinyBundle.architecture;
      const [common, own] = [0.01, -0.02].map((value) => new Float32Array(actionDim).fill(value));
      const plain = makeAdapter({ ...randomAdapter(LORA, base, 1), offset: common });
      const adapter = makeAdapter({
        ...plain,
        own: new Map<string, Place>([
          ['b', { offset: own, view: Float32Array.of(0.1, 0, 0, 0) }],
          ['a', {}],
        ]),
      });
      assert.notEqual(adapter.version, plain.version);
      assert.equal(makeAdapter({ ...plain, own: new Map() }).version, plain.version);
      await writeAdapter(path, adapter);
      const read = await readAdapter(path, { ...bundle, base, trainable: LORA });
      assert.deepEqual(new Map(read.own), new Map(adapter.own));
      const offsets = ['a', 'b', 'c', undefined].map((robot) => adapterFor(read, robot).offset);
      assert.deepEqual(offsets, [undefined, own, common, common]);
      assert.equal(adapterFor(read, 'b').version, adapter.version);
      assert.equal(adapterFor(read, 'b').own, undefined);

      const far = new Map([['b', { offset: new Float32Array(actionDim).fill(1) }]]);
      await writeAdapter(path, makeAdapter({ ...plain, own: far }));
      await assertRejectsAbout(readAdapter(path, { ...bundle, base, trainable: LORA }), {
        kind: 'mismatch',
        subject: 'adapter.out',
        names: ['b'],
      });
    }));

  it('that belongs to other weights is refused', () =>
    withBundle(async (bundle) => {
      await writeAdapter(join(bundle.folder, ADAPTER_FILE), randomAdapter(LORA, 'elsewhere', 4));
      await assertRejectsAbout(loadBundle(bundle.folder), {
        kind: 'mismatch',
        subject: ADAPTER_FILE,
        names: ['elsewhere'],
      });
    }));

  it('is refused, file and field named, when it is not what it says', () =>
    withBundle(async (bundle) => {
      const path = join(bundle.folder, ADAPTER_FILE);
      const { parameters, base, version } = randomAdapter(LORA, bundle.base, 4);
      const tensors = [...parameters].map(([name, { shape, data }]) => ({ name, shape, data }));
      const metadata = {
        format: 'nalu-adapter-1',
        trainable: JSON.stringify(LORA),
        version,
        base,
      };
      const wrong: [claimed: Record<string, string>, field: string][] = [
        [{ ...metadata, format: 'peft' }, 'format'],
        [{ ...metadata, trainable: '{' }, 'trainable'],
        [{ ...metadata, trainable: '{"parameters":"lora"}' }, 'trainable.rank'],
        [{ ...metadata, version: '0123' }, 'version'],
      ];
      for (const [claimed, field] of wrong) {
        await writeSafetensors(path, tensors, claimed);
        await assertRejectsAbout(loadBundle(bundle.folder), {
          kind: 'invalid',
          subject: ADAPTER_FILE,
          fields: [field],
        });
      }
    }));
});

describe('a policy in a worker', () => {
  const observation = {
    joints: { stamp: 0n, position: REQUEST.state },
    frames: REQUEST.images.map(({ pixels, ...size }, i) => ({
      ...size,
      camera: tinyBundle.cameras[i],
      stamp: 0n,
      pixels: () => Promise.resolve(pixels),
    })),
    prompt: 'go',
  };

  it('adopts an adapter after the chunk that is under way, not during it', () =>
    withBundle(async (bundle) => {
      const adapter = randomAdapter(LORA, bundle.base, 1);
      const [plain, adapted] = [
        await sampleOnce(bundle, LORA),
        await sampleOnce(bundle, LORA, adapter),
      ];
      const policy = await openWorkerPolicy(bundle, SESSION, { trainable: LORA });
      const under = policy.sample(observation, REQUEST.noise);
      const adoption = policy.adopt(adapter);
      const next = policy.sample(observation, REQUEST.noise);
      assert.deepEqual((await under).actions, plain.actions);
      await adoption;
      assert.deepEqual((await next).actions, adapted.actions);
      assert.equal((await next).policyVersion, `${bundle.base}+${adapter.version}`);
      await policy.close();
    }));

  it('tells of an adapter that does not fit, and samples on', () =>
    withBundle(async (bundle) => {
      const policy = await openWorkerPolicy(bundle, SESSION, { trainable: LORA });
      const plain = await policy.sample(observation, REQUEST.noise);
      await assertRejectsAbout(policy.adopt(randomAdapter(LORA, 'other', 1)), {
        kind: 'mismatch',
        names: ['other'],
      });
      const after = await policy.sample(observation, REQUEST.noise);
      assert.deepEqual(after.actions, plain.actions);
      await policy.close();
    }));

  it('takes the same adapter more than once', () =>
    withBundle(async (bundle) => {
      const adapters = [1, 2].map((seed) => randomAdapter(LORA, bundle.base, seed));
      const policy = await openWorkerPolicy(bundle, SESSION, { trainable: LORA });
      for (const adapter of [...adapters, ...adapters]) {
        await policy.adopt(adapter);
        const { policyVersion } = await policy.sample(observation, REQUEST.noise);
        assert.equal(policyVersion, `${bundle.base}+${adapter.version}`);
      }
      await policy.close();
    }));

  it('plays an attempt in real time while every chunk comes from a new adapter', () =>
    withFolder(async (folder) => {
      const sim = await simulatedAloha({ task: 'transfer-cube', realTime: true });
      const [first, second] = sim.embodiment.cameras.map(({ name }) => name);
      const config = { ...ALOHA, cameras: [first, second] as [string, string] };
      await writeBundle(folder, config, tinyFiles(), randomWeights(config.architecture, 0));
      const bundle = await loadBundle(folder);
      const policy = await openWorkerPolicy(bundle, SESSION, { trainable: LORA });
      const adapters = [1, 2, 3, 4, 5, 6].map((seed) =>
        randomAdapter(LORA, bundle.base, seed, config.architecture),
      );
      const versions: string[] = [];
      const result = await runAttempt({
        robot: sim,
        task: delegateTask(sim, { maxSteps: 100 }),
        policy: delegatePolicy(policy, {
          async sample(seen, noise) {
            const chunk = await policy.sample(seen, noise);
            versions.push(chunk.policyVersion);
            return chunk;
          },
        }),
        seed: 0,
        awaitChunks: false,
        onChunk: ({ chunks }) => void policy.adopt(adapters[chunks - 1]),
      });
      await policy.close();
      await sim.close();
      assert.equal(result.problem, null);
      assert.ok(Number.isInteger(result.missedSteps));
      assert.ok(versions.length >= 3, `${versions.length} chunks`);
      assert.equal(new Set(versions).size, versions.length, 'each chunk has its own version');
    }));
});
