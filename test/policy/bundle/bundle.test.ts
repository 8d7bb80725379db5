import assert from 'node:assert/strict';
import { cp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { packagePath } from '../../../src/files/packagePath.ts';
import { sessionConfigSchema } from '../../../src/session/session.ts';
import { loadSafetensors } from '../../../src/tensors/safetensors.ts';
import { CONFIG_FILE, WEIGHTS_FILE, loadBundle } from '../../../src/policy/bundle/bundle.ts';
import type { Observation } from '../../../src/policy/chunkPolicy.ts';
import { gaussianNoise } from '../../../src/tensors/noise.ts';
import { familyOf } from '../../../src/policy/families/registry.ts';
import { openSampler } from '../../../src/policy/sampler.ts';
import { openWorkerPolicy } from '../../../src/policy/worker/workerPolicy.ts';
import type { CameraFrame } from '../../../src/robot/robot.ts';
import { withFolder } from '../../onnx/run.ts';
import { type About, assertRejectsAbout } from '../../refusals.ts';

const SHIPPED = packagePath('models/aloha-mini');
const SESSION = sessionConfigSchema.parse({ threads: 1 });

/** A copy of the shipped bundle, spoilt by `spoil`, must be refused by an error about this. */
const refuses = (spoil: (folder: string) => Promise<unknown>, about: About) =>
  withFolder(async (folder) => {
    await cp(SHIPPED, folder, { recursive: true });
    await spoil(folder);
    await assertRejectsAbout(loadBundle(folder), about);
  });

const editConfig =
  (change: (config: Record<string, unknown>) => void) => async (folder: string) => {
    const path = join(folder, CONFIG_FILE);
    const config = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
    change(config);
    await writeFile(path, JSON.stringify(config));
  };

function frame(camera: string, width: number, height: number, value: number): CameraFrame {
  const pixels = new Uint8Array(width * height * 3).fill(value);
  return { camera, stamp: 0n, width, height, pixels: () => Promise.resolve(pixels) };
}

function observation(cameras: readonly string[], size = 96, value = 90): Observation {
  return {
    joints: { stamp: 0n, position: new Float64Array(14).fill(0.1) },
    frames: cameras.map((camera) => frame(camera, size, size, value)),
    prompt: 'Transfer cube',
  };
}

describe('a policy bundle is refused, with the reason, when', () => {
  it('it is not there', async () => {
    await assertRejectsAbout(loadBundle('/nowhere'), {
      kind: 'missing',
      subject: '/nowhere/policy.json',
    });
  });

  for (const file of [CONFIG_FILE, WEIGHTS_FILE, 'tokenizer.json']) {
    it(`${file} is missing`, () =>
      refuses((folder) => rm(join(folder, file)), { kind: 'missing', subject: file }));
  }

  it('its configuration has an unknown field or a wrong value, each named', () =>
    refuses(
      editConfig((config) => Object.assign(config, { stepz: 3, steps: 0 })),
      { kind: 'invalid', subject: 'policy.json', fields: ['steps', 'stepz'] },
    ));

  it('its configuration is no JSON', () =>
    refuses((folder) => writeFile(join(folder, CONFIG_FILE), '{'), {
      kind: 'invalid',
      subject: 'policy.json',
    }));

  it('its weights are cut short', () =>
    refuses((folder) => truncate(join(folder, WEIGHTS_FILE), 5_000_000), {
      kind: 'invalid',
      subject: 'model.safetensors',
    }));

  it('its weights have other shapes than its configuration, all of them listed', () =>
    refuses(
      editConfig((config) => {
        (config.pi0 as { actionDim: number }).actionDim = 32;
      }),
      {
        kind: 'mismatch',
        subject: 'model.safetensors',
        names: ['action_in_proj.weight', '[128, 14]', '[128, 32]', 'action_out_proj.bias'],
      },
    ));

  it('it asks for an execution provider that this machine lacks', async () => {
    const bundle = await loadBundle(SHIPPED);
    const session = sessionConfigSchema.parse({ executionProviders: ['tensorrt'], threads: 1 });
    await assertRejectsAbout(openWorkerPolicy(bundle, session), {
      kind: 'unsupported',
      fields: ['tensorrt'],
      names: ['NVIDIA'],
    });
  });
});

describe('a policy in its worker thread', () => {
  it('samples a chunk of absolute joint positions, the same for the same seed', async () => {
    const bundle = await loadBundle(SHIPPED);
    const policy = await openWorkerPolicy(bundle, SESSION);
    try {
      const seen = observation(policy.cameras);
      const first = await policy.sample(seen, { seed: 7 });
      const again = await policy.sample(seen, { seed: 7 });
      const other = await policy.sample(seen, { seed: 8 });
      assert.equal(first.actions.length, policy.horizon * 14);
      assert.ok(first.actions.every(Number.isFinite));
      assert.deepEqual(again.actions, first.actions);
      assert.notDeepEqual(other.actions, first.actions);
      assert.equal(first.policyVersion, bundle.version);
    } finally {
      await policy.close();
    }
  });

  it('starts from zero noise where asked, and sees the images', async () => {
    const policy = await openWorkerPolicy(await loadBundle(SHIPPED), SESSION);
    try {
      const dark = await policy.sample(observation(policy.cameras, 96, 0), 'zero');
      const bright = await policy.sample(observation(policy.cameras, 96, 255), 'zero');
      assert.ok(dark.noise.every((value) => value === 0));
      assert.notDeepEqual(dark.actions, bright.actions);
    } finally {
      await policy.close();
    }
  });

  it('answers requests in turn, and takes frames of another size', async () => {
    const policy = await openWorkerPolicy(await loadBundle(SHIPPED), SESSION);
    try {
      const [small, large] = await Promise.all([
        policy.sample(observation(policy.cameras), 'zero'),
        policy.sample(observation(policy.cameras, 480), 'zero'),
      ]);
      assert.deepEqual(small.actions, large.actions, 'a plain image is the same at any size');
    } finally {
      await policy.close();
    }
  });

  it('does not block the thread that asks', async () => {
    const policy = await openWorkerPolicy(await loadBundle(SHIPPED), SESSION);
    try {
      let turns = 0;
      const count = setInterval(() => turns++, 1);
      for (let i = 0; i < 5; i++) await policy.sample(observation(policy.cameras), 'zero');
      clearInterval(count);
      assert.ok(turns > 5, `the event loop turned ${turns} times`);
    } finally {
      await policy.close();
    }
  });
});

describe('the graphs', () => {
  it('hold no weights of their own: they point into model.safetensors', async () => {
    const bundle = await loadBundle(SHIPPED);
    const weights = await loadSafetensors(join(SHIPPED, WEIGHTS_FILE));
    const bytes = [...weights.tensors.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
    const graph = Buffer.from((await familyOf(bundle).samplingModel(bundle)) as Uint8Array);
    assert.ok(graph.length < bytes / 20, `the graph has ${graph.length} bytes`);
    assert.ok(graph.includes('model.safetensors'));
  });

  it('are built when a policy is opened, whatever files of earlier bundles lie beside it', () =>
    withFolder(async (folder) => {
      await cp(SHIPPED, folder, { recursive: true });
      for (const file of ['sample.onnx', 'prefix.onnx'])
        await writeFile(join(folder, file), 'no model');
      const sampler = await openSampler(await loadBundle(folder), SESSION);
      await sampler.close();
    }));

  it('give the same chunk through the sampler on this thread', async () => {
    const bundle = await loadBundle(SHIPPED);
    const sampler = await openSampler(bundle, SESSION);
    const policy = await openWorkerPolicy(bundle, SESSION, { join: 'swap' });
    try {
      const chunks: Float32Array[] = [];
      for (const [width, height] of [
        [96, 96],
        [640, 480],
        [120, 160],
        [640, 480],
      ]) {
        const images = policy.cameras.map((_, i) => {
          const noise = gaussianNoise(i, width * height * 3);
          return { width, height, pixels: Uint8Array.from(noise, (value) => 128 + 40 * value) };
        });
        const seen = observation(policy.cameras);
        const frames = seen.frames.map((frame, i) => {
          const { pixels, ...size } = images[i];
          return { ...frame, ...size, pixels: () => Promise.resolve(pixels) };
        });
        const state = seen.joints.position;
        const direct = await sampler.sample({ images, state, prompt: seen.prompt, noise: 'zero' });
        const { actions } = await policy.sample({ ...seen, frames }, 'zero');
        assert.deepEqual(actions, direct.actions);
        chunks.push(actions);
      }
      assert.deepEqual(chunks[3], chunks[1], 'the same images once more');
      assert.notDeepEqual(chunks[1], chunks[0]);
    } finally {
      await policy.close();
      await sampler.close();
    }
  });
});
