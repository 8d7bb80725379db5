import assert from 'node:assert/strict';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { runAttempt } from '../../src/control/attempt.ts';
import { initialRunState } from '../../src/learning/policyGradient/state.ts';
import { loadFpoConfig } from '../../src/learning/fpo/config.ts';
import { openRolloutEncoder } from '../../src/learning/attempts/rollouts.ts';
import { copyBundle, loadBundle } from '../../src/policy/bundle/bundle.ts';
import { withIntegration } from '../../src/policy/bundle/withIntegration.ts';
import { makeGolden, verifyBundle } from '../../src/policy/bundle/verification.ts';
import { imageInput } from '../../src/policy/families/onnx/inputs.ts';
import { SAMPLED_JOINS } from '../../src/policy/joinKinds.ts';
import { openSampler } from '../../src/policy/sampler.ts';
import { delegatePolicy } from '../../src/policy/policyWrappers.ts';
import { openWorkerPolicy } from '../../src/policy/worker/workerPolicy.ts';
import { openParts } from '../../src/processes/openParts.ts';
import { sessionConfigSchema } from '../../src/session/session.ts';
import { simulatedAloha } from '../../src/sim/simulatedAloha.ts';
import { writeTinyBundle } from '../learning/tiny.ts';
import { withFolder } from '../onnx/run.ts';
import { HORIZON, type OnnxPolicyOptions, writeOnnxPolicy } from './onnxPolicy.ts';
import { type About, assertRejectsAbout, assertThrowsAbout } from '../refusals.ts';

const SESSION = sessionConfigSchema.parse({ threads: 1 });

const TINY: OnnxPolicyOptions = {
  embodiment: 'tiny',
  joints: 3,
  cameras: ['cam_high', 'cam_wrist'],
  width: 6,
  height: 4,
};

/** A tiny exported policy in a folder of its own, changed in some of its options. */
const withPolicy = (
  body: (folder: string) => Promise<void>,
  changes: Partial<OnnxPolicyOptions> = {},
) =>
  withFolder(async (folder) => {
    await writeOnnxPolicy(folder, { ...TINY, ...changes });
    await body(folder);
  });

const STATE = Float64Array.of(0.1, 0.2, 0.3);

const image = (value: number, width = 6, height = 4) => ({
  width,
  height,
  pixels: new Uint8Array(width * height * 3).fill(value),
});

/** The first row of a chunk from two plain images. */
async function firstRow(folder: string, values: [number, number]): Promise<number[]> {
  const sampler = await openSampler(await loadBundle(folder), SESSION);
  try {
    const images = values.map((value) => image(value));
    const chunk = await sampler.sample({ images, state: STATE, prompt: '', noise: 'zero' });
    assert.equal(chunk.actions.length, HORIZON * 3);
    assert.equal(chunk.noise.length, 0, 'it draws no noise');
    return [...chunk.actions.subarray(0, 3)];
  } finally {
    await sampler.close();
  }
}

const near = (got: readonly number[], expected: readonly number[]) =>
  expected.forEach((value, i) => assert.ok(Math.abs(got[i] - value) < 1e-6, `${got.join()}`));

describe('an exported policy', () => {
  for (const layout of ['CHW', 'HWC'] as const)
    it(`reads its state and its images in ${layout}, bytes as 0 to 1`, () =>
      withPolicy(async (folder) => near(await firstRow(folder, [255, 0]), [0.101, 0.201, 0.301]), {
        layout,
      }));

  it('reads images in the range, mean and deviation that policy.json names', () => {
    const images = Object.fromEntries(
      TINY.cameras.map((camera) => [
        camera,
        {
          ...{ input: `observation.images.${camera}`, width: 6, height: 4 },
          ...{ range: [-1, 1], mean: [0.5, 0.5, 0.5], std: [2, 2, 2] },
        },
      ]),
    );
    return withPolicy(
      // (1 - 0.5) / 2 and (-1 - 0.5) / 2
      async (folder) => near(await firstRow(folder, [255, 0]), [0.0995, 0.1995, 0.2995]),
      { architecture: { images } },
    );
  });

  it('tells channels and places of pixels apart', () => {
    const pixels = Uint8Array.from({ length: 12 }, (_, i) => i);
    const plain = { input: 'x', width: 2, height: 2, range: [0, 255] as [number, number] };
    const one = [1, 1, 1] as [number, number, number];
    const mean = [0, 10, 20] as [number, number, number];
    const chw = imageInput({ ...plain, layout: 'CHW', mean, std: one }, 'float32')(pixels);
    assert.deepEqual([...(chw.data as Float32Array)], [0, 3, 6, 9, -9, -6, -3, 0, -18, -15, -12, -9]); // prettier-ignore
    assert.deepEqual(chw.dims, [1, 3, 2, 2]);
    const hwc = imageInput({ ...plain, layout: 'HWC', mean, std: one }, 'uint8')(pixels);
    assert.deepEqual(hwc.data, pixels, 'bytes are taken as they are');
  });

  it('normalises by its transforms, and scales images of another size, aspect kept', () => {
    const moments = { mean: [1, 1, 1], std: [2, 2, 2] };
    const transforms = [
      { type: 'meanStd', convention: 'lerobot', state: moments, actions: moments },
    ];
    return withPolicy(
      async (folder) => {
        const sampler = await openSampler(await loadBundle(folder), SESSION);
        try {
          const images = [image(0, 12, 8), image(255, 12, 8)];
          const { actions } = await sampler.sample({ images, state: STATE, prompt: '', noise: { seed: 1 } }); // prettier-ignore
          near([...actions], [0.102, 0.202, 0.302]);
        } finally {
          await sampler.close();
        }
      },
      { fields: { transforms } },
    );
  });

  it('has golden numbers, which another graph does not give', () =>
    withPolicy(async (folder) => {
      const bundle = await loadBundle(folder);
      await makeGolden(bundle, SESSION);
      const whole = await loadBundle(folder);
      assert.equal(whole.version, bundle.version);
      const { passes, agreements } = await verifyBundle(whole, SESSION);
      assert.ok(passes);
      assert.deepEqual(agreements.map(({ stage }) => stage), ['actions']); // prettier-ignore
      await (await openWorkerPolicy(whole, SESSION)).close();
    }));

  it('has a version that changes with its model and its configuration, and can be copied', () =>
    withPolicy(async (folder) => {
      const { version } = await loadBundle(folder);
      await withFolder(async (copy) => {
        await copyBundle(await loadBundle(folder), join(copy, 'copy'));
        assert.equal((await loadBundle(join(copy, 'copy'))).version, version);
      });
      const bytes = await readFile(join(folder, 'act.onnx'));
      await writeFile(join(folder, 'act.onnx'), Buffer.concat([bytes, Buffer.of(0x12, 0)]));
      assert.notEqual((await loadBundle(folder)).version, version);
    }));

  it('leaves nothing of its own behind where a bundle of another family replaces it', () =>
    withPolicy(async (folder) => {
      await writeFile(join(folder, 'notes.txt'), 'mine');
      await writeTinyBundle(folder);
      const left = ['model.safetensors', 'notes.txt', 'policy.json', 'tokenizer.json'];
      assert.deepEqual((await readdir(folder)).sort(), left);
    }));

  it('moves the simulated ALOHA, in each way of joining that needs no flow', () =>
    withPolicy(
      async (folder) => {
        const opened = await openWorkerPolicy(await loadBundle(folder), SESSION);
        const { keep, closeAll } = openParts();
        try {
          keep(opened);
          assert.equal(opened.join, 'swap');
          const sim = keep(
            await simulatedAloha({ task: 'transfer-cube', cameras: opened.cameras }),
          );
          for (const join of ['swap', 'synchronous', 'ensemble'] as const) {
            const policy = delegatePolicy(opened, { join });
            let chunks = 0;
            const stop = new AbortController();
            const onChunk = () => {
              if (++chunks === 3) stop.abort();
            };
            await runAttempt({ robot: sim, task: sim, policy, seed: 1, awaitChunks: true, onChunk, signal: stop.signal }); // prettier-ignore
            assert.equal(chunks, 3);
          }
        } finally {
          await closeAll();
        }
      },
      { embodiment: 'aloha', joints: 14, cameras: ['cam_high'], width: 64, height: 48 },
    ));
});

describe('an exported policy is refused', () => {
  it('for network calls of a flow that it has not', () =>
    withPolicy(async (folder) => {
      const bundle = await loadBundle(folder);
      assertThrowsAbout(() => withIntegration(bundle, { steps: 2 }), {
        kind: 'unsupported',
        subject: folder,
        fields: ['steps'],
        names: ['onnx'],
      });
    }));

  for (const joins of SAMPLED_JOINS)
    it(`for joining chunks by ${joins}, by name and with the ways there are`, () =>
      withPolicy(async (folder) => {
        const bundle = await loadBundle(folder);
        await assertRejectsAbout(openSampler(bundle, SESSION, { joins }), {
          kind: 'unsupported',
          subject: folder,
          fields: ['join'],
          names: [joins, 'onnx', 'swap', 'synchronous', 'ensemble'],
        });
      }));

  it('for learning, by name', () =>
    withPolicy(async (folder) => {
      const bundle = await loadBundle(folder);
      const learns = { kind: 'unsupported', names: ['onnx'] } as const;
      await assertRejectsAbout(
        openSampler(bundle, SESSION, { trainable: { parameters: 'all' } }),
        learns,
      );
      await assertRejectsAbout(openRolloutEncoder(bundle, SESSION), learns);
      await assertRejectsAbout(initialRunState(bundle, await loadFpoConfig(undefined, 0)), learns);
    }));

  const wrong: [string, Partial<OnnxPolicyOptions>, About][] = [
    [
      'for an input that the model has not, with those that it has',
      { architecture: { state: 'state' } },
      {
        kind: 'mismatch',
        subject: 'act.onnx',
        names: [
          'architecture.state',
          'observation.state [1, 3] float32',
          'observation.images.cam_high [1, 3, 4, 6] float32',
        ],
      },
    ],
    [
      'for an output that the model has not',
      { architecture: { actions: 'actions' } },
      {
        kind: 'mismatch',
        subject: 'act.onnx',
        names: ['architecture.actions', 'action [1, 8, 3] float32'],
      },
    ],
    [
      'for a chunk of another size',
      { architecture: { horizon: 100 } },
      {
        kind: 'mismatch',
        subject: 'act.onnx',
        names: ['architecture.actions', 'action [1, 8, 3] float32', '[1, 100, 3]'],
      },
    ],
    [
      'for an input that policy.json does not name',
      { architecture: { state: undefined } },
      { kind: 'mismatch', subject: 'act.onnx', names: ['observation.state [1, 3] float32'] },
    ],
    [
      'for cameras without an image',
      { fields: { cameras: ['cam_high', 'cam_low'] } },
      {
        kind: 'invalid',
        subject: 'policy.json',
        fields: ['architecture'],
        names: ['cam_low', 'cam_wrist'],
      },
    ],
    [
      'for an architecture that does not fit the family',
      { architecture: { horizon: 0, width: 3 } },
      {
        kind: 'invalid',
        subject: 'policy.json',
        fields: ['architecture.horizon', 'architecture.width'],
      },
    ],
    ['for more rows played than a chunk has', { fields: { executeSteps: 9 } }, { kind: 'invalid', subject: 'policy.json', fields: ['executeSteps'], names: ['8'] }], // prettier-ignore
    [
      'for Euler steps, since it has no flow',
      { fields: { steps: 10 } },
      { kind: 'invalid', subject: 'policy.json', fields: ['steps'] },
    ],
    [
      'for a family that is not known, with those that are',
      { fields: { family: 'smolvla' } },
      {
        kind: 'unsupported',
        subject: 'policy.json',
        fields: ['family'],
        names: ['smolvla', 'pi0', 'pi0-fast', 'onnx'],
      },
    ],
    ['without a family', { fields: { family: undefined } }, { kind: 'invalid', subject: 'policy.json', fields: ['family'], names: ['pi0', 'pi0-fast', 'onnx'] }], // prettier-ignore
    ['where the model is not there', { architecture: { model: 'other.onnx' } }, { kind: 'missing', subject: 'other.onnx' }], // prettier-ignore
  ];
  for (const [what, changes, about] of wrong)
    it(what, () => withPolicy((folder) => assertRejectsAbout(loadBundle(folder), about), changes));

  it('where its file is no ONNX model', () =>
    withPolicy(async (folder) => {
      await writeFile(join(folder, 'act.onnx'), 'version https://example.org');
      await assertRejectsAbout(loadBundle(folder), { kind: 'invalid', subject: 'act.onnx' });
    }));
});
