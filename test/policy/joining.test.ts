import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { sessionConfigSchema } from '../../src/session/session.ts';
import { packagePath } from '../../src/files/packagePath.ts';
import { loadBundle } from '../../src/policy/bundle/bundle.ts';
import { prefixWeights } from '../../src/policy/joining.ts';
import { type SampleRequest, type Sampler, openSampler } from '../../src/policy/sampler.ts';

describe('the weights of rows that a chunk joins', () => {
  it('are 1 for committed rows, fall from then on, and are 0 for free rows', () =>
    fc.assert(
      fc.property(fc.nat(60), fc.nat(60), fc.integer({ min: 1, max: 60 }), (delay, end, rows) => {
        const weights = prefixWeights({ delay, end, rows });
        assert.equal(weights.length, rows);
        weights.forEach((weight, row) => {
          if (row >= end) assert.equal(weight, 0);
          else if (row < delay) assert.ok(Math.abs(weight - 1) < 1e-6);
          else assert.ok(weight > 0 && weight < 1 && weight <= (weights[row - 1] ?? 1));
        });
      }),
    ));
});

describe('a sampler that joins chunks', () => {
  const JOINTS = 14;
  const DELAY = 5;
  let samplers: { joining: Sampler; plain: Sampler };
  let request: SampleRequest;

  before(async () => {
    const bundle = await loadBundle(packagePath('models/aloha-mini'));
    const session = sessionConfigSchema.parse({ threads: 1 });
    samplers = {
      joining: await openSampler(bundle, session, { joins: 'approximate' }),
      plain: await openSampler(bundle, session),
    };
    const pixels = new Uint8Array(96 * 96 * 3).fill(120);
    request = {
      images: bundle.cameras.map(() => ({ width: 96, height: 96, pixels })),
      state: Float64Array.from({ length: JOINTS }, (_, joint) => (joint % 7 === 6 ? 1 : 0)),
      prompt: 'Transfer cube',
      noise: { seed: 1 },
    };
  });
  after(() => Promise.all([samplers.joining.close(), samplers.plain.close()]));

  it('makes the chunk of any other where there is nothing to join', async () => {
    const [joined, plain] = [await samplers.joining.sample(request), await samplers.plain.sample(request)]; // prettier-ignore
    joined.actions.forEach((value, i) => assert.ok(Math.abs(value - plain.actions[i]) < 1e-5));
  });

  it('draws the committed rows onto those in play, and leaves the last ones free', async () => {
    const { actions: other } = await samplers.plain.sample({ ...request, noise: { seed: 2 } });
    const join = { rows: other.map((value) => value + 0.05), delay: DELAY };
    const { actions: free } = await samplers.plain.sample(request);
    const { actions: joined } = await samplers.joining.sample({ ...request, join });
    const distance = (a: Float32Array, b: Float32Array, from: number, to: number) =>
      Math.max(...a.subarray(from * JOINTS, to * JOINTS).map((v, i) => Math.abs(v - b[from * JOINTS + i]))); // prettier-ignore
    const before = distance(free, join.rows, 0, DELAY);
    const now = distance(joined, join.rows, 0, DELAY);
    assert.ok(now < before / 5, `${now} from the rows in play, ${before} without joining`);
    assert.ok(distance(joined, join.rows, 40, 50) > 0.02);
  });
});
