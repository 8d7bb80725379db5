import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadBundle } from '../../src/policy/bundle/bundle.ts';
import { explorationNoise, explorationSchema } from '../../src/policy/exploration.ts';
import { type Sampler, openSampler } from '../../src/policy/sampler.ts';
import { SESSION } from '../learning/bandit.ts';
import { tinyBundle, writeTinyBundle } from '../learning/tiny.ts';
import { withFolder } from '../onnx/run.ts';

const { horizon, actionDim, vision } = tinyBundle.architecture;
const SIDE = vision.imageSize;
const image = { width: SIDE, height: SIDE, pixels: new Uint8Array(SIDE * SIDE * 3).fill(90) };
const REQUEST = { images: [image, image], state: new Float64Array(actionDim), prompt: 'go' };

/** A sampler that takes so many network calls a chunk; transforms are none, so that actions are normalised. */
async function withSampler<T>(steps: number, body: (sampler: Sampler) => Promise<T>): Promise<T> {
  return withFolder(async (folder) => {
    const integration = { steps, solver: 'euler' } as const;
    await writeTinyBundle(folder, 4, { ...tinyBundle, integration });
    const bundle = await loadBundle(folder);
    const sampler = await openSampler(bundle, SESSION, { trainable: { parameters: 'expert' } });
    try {
      return await body(sampler);
    } finally {
      await sampler.close();
    }
  });
}

const close = (value: number, wanted: number) =>
  assert.ok(Math.abs(value - wanted) < 1e-5, `${value} is not ${wanted}`);

describe('the steps of a flow that explores', () => {
  const exploration = explorationSchema.parse({
    size: 0.3,
    steps: 2,
    initialNoise: 1,
    chain: true,
  });
  const seeds = { seed: 7, attempt: 3 };

  it('end at the chunk, and each holds its own noise', async () => {
    const {
      actions,
      chain,
      noise: start,
    } = await withSampler(4, (sampler) =>
      sampler.sample({ ...REQUEST, noise: { ...seeds, exploration } }),
    );
    const { states, noise, ...drawn } = chain!;
    assert.deepEqual(drawn, { size: 0.3, correlation: 0.99, persistence: 0.9 });
    const numbers = horizon * actionDim;
    assert.deepEqual(states.slice(3 * numbers), actions);
    const flow = { integration: { steps: 4, solver: 'euler' }, horizon, actionDim } as const;
    assert.deepEqual(noise, explorationNoise(exploration, seeds, flow));
    assert.ok(noise.subarray(0, numbers).every((value) => value === 0));
    assert.ok(noise.subarray(numbers, 2 * numbers).some((value) => value !== 0));

    // A quarter of the way that one call for the whole flow takes from the same noise.
    const whole = await withSampler(1, (sampler) =>
      sampler.sample({ ...REQUEST, noise: { seed: 0, given: start } }),
    );
    start.forEach((from, i) => close(states[i] - noise[i], from + (whole.actions[i] - from) / 4));
  });

  it('are given only where they are asked for', () =>
    withSampler(4, async (sampler) => {
      const without = { ...exploration, chain: undefined };
      for (const noise of ['zero', { seed: 7 }, { ...seeds, exploration: without }] as const) {
        const chunk = await sampler.sample({ ...REQUEST, noise });
        assert.equal(chunk.chain, undefined);
      }
    }));
});
