import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { centredScale, drawPairs } from '../../src/learning/fpo/pairs.ts';
import { evenParts } from '../../src/learning/train/order.ts';
import type { RolloutChunk } from '../../src/learning/attempts/rollout.ts';

const chunk: RolloutChunk = {
  policyVersion: 'v1',
  at: 0,
  integration: { steps: 10, solver: 'euler' },
  cache: new Float32Array(),
  valid: new Uint8Array(),
  pooled: new Float32Array(),
  state: new Float32Array(3),
  actions: new Float32Array(12),
  noise: new Float32Array(12),
  mask: new Float32Array(4),
  committed: new Float32Array(3),
  delay: 0,
  elapsed: 0,
  steps: 4,
};
const draw = (update: number, seed = 1, time: 'policy' | 'uniform' = 'policy', count = 2) =>
  drawPairs(Array.from({ length: count }, () => ({ chunk, advantage: 0 })), update, { seed, samples: 8, ablation: { time } }); // prettier-ignore

describe('pairs of noise and time', () => {
  it('are the same for a seed and an update, and others for another chunk, update or seed', () => {
    const [first, second] = draw(3);
    assert.deepEqual(draw(3)[0], first);
    for (const other of [second, draw(4)[0], draw(3, 2)[0]]) {
      assert.notDeepEqual(other.noise, first.noise);
      assert.notDeepEqual(other.time, first.time);
    }
  });

  it('have one time for all rows of a chunk, near noise as the policy was trained or anywhere', () => {
    const [{ time, noise }] = draw(0);
    assert.equal(time.length, 8);
    assert.equal(noise.length, 8 * 12);
    const meanOf = (kind: 'policy' | 'uniform') => {
      const times = draw(0, 1, kind, 500).flatMap((one) => [...one.time]);
      assert.ok(times.every((t) => t > 0 && t <= 1));
      return times.reduce((a, b) => a + b) / times.length;
    };
    assert.ok(Math.abs(meanOf('policy') - 0.6) < 0.02);
    assert.ok(Math.abs(meanOf('uniform') - 0.5) < 0.02);
  });

  it('are at noise alone for chunks of one network call, which see no other velocity', () => {
    const oneCall = { ...chunk, integration: { steps: 1, solver: 'euler' } as const };
    const settings = { seed: 1, samples: 8, ablation: { time: 'uniform' } } as const;
    const [{ time }] = drawPairs([{ chunk: oneCall, advantage: 1 }], 0, settings);
    assert.deepEqual([...time], new Array(8).fill(1));
  });
});

describe('the scale of centred losses', () => {
  const chunkOf = (offsets: number[]) => ({
    ...chunk,
    actions: Float32Array.from({ length: 12 }, (_, i) => offsets[i % 3]),
    mask: Float32Array.of(0, 1, 1, 0),
  });
  const still = new Float32Array(12);
  /** Mean loss of chunks that exploration moved by these offsets, as the graph sums it, times the scale. */
  const scaledLoss = (all: number[][]) => {
    const chunks = all.map(chunkOf);
    const scale = centredScale(chunks, chunks.map(() => still), 3); // prettier-ignore
    const losses = all.map((offsets) => (2 * offsets.reduce((sum, x) => sum + x ** 2, 0)) / 3);
    return (scale * losses.reduce((a, b) => a + b)) / losses.length;
  };
  const close = (value: number, wanted: number) => assert.ok(Math.abs(value - wanted) < 1e-5);

  it('makes their mean half the number of dimensions that exploration moved, whatever its size', () => {
    close(scaledLoss([[0.1, -0.1, 0.1], [-0.1, 0.1, 0.1]]), 1.5); // prettier-ignore
    close(scaledLoss([[0.3, 0, 0], [-0.1, 0, 0]]), 0.5); // prettier-ignore
    close(scaledLoss([[0.2, 0.2, 0]]), 1);
  });

  it('is finite where exploration moved nothing', () => {
    assert.ok(Number.isFinite(centredScale([chunkOf([0, 0, 0])], [still], 3)));
  });
});

describe('parts of a batch', () => {
  it('hold everything once, none more than allowed nor two more than another', () => {
    const sizes = fc.tuple(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 64 }));
    fc.assert(
      fc.property(sizes, ([count, most]) => {
        const parts = evenParts(count, most);
        assert.equal(parts[0][0], 0);
        assert.equal(parts.at(-1)![1], count);
        parts.slice(1).forEach(([from], i) => assert.equal(from, parts[i][1]));
        const lengths = parts.map(([from, to]) => to - from);
        assert.ok(Math.max(...lengths) <= most && Math.min(...lengths) >= 1);
        assert.ok(Math.max(...lengths) - Math.min(...lengths) <= 1);
      }),
    );
  });
});
