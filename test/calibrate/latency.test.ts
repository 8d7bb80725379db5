import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Series, estimateLatency, rateOfChange } from '../../src/calibrate/latency.ts';
import { uniform } from '../../src/sim/random.ts';

/** Bumps of 0.2 s at times that do not repeat, as jerks of an arm give them. */
function jerks(seed: number, seconds: number) {
  const random = uniform(seed);
  const bumps: { at: number; height: number }[] = [];
  for (let at = 0.3; at < seconds; at += 0.4 + 0.5 * random())
    bumps.push({ at, height: 0.5 + random() });
  return (time: number) =>
    bumps.reduce((sum, { at, height }) => sum + height * Math.exp(-(((time - at) / 0.1) ** 2)), 0);
}

/** A function's values `rate` times a second. */
function sampled(read: (time: number) => number, rate: number, seconds: number): Series {
  const times = Array.from({ length: Math.floor(seconds * rate) }, (_, i) => i / rate);
  return { times: times.map((time) => BigInt(Math.round(time * 1e9))), values: times.map(read) };
}

describe('the latency of one series behind another', () => {
  it('is found to 3 ms, whatever their rates', () => {
    fc.assert(
      fc.property(
        fc.double({ min: -0.04, max: 0.28, noNaN: true }),
        fc.constantFrom(25, 30, 60),
        fc.integer({ min: 1, max: 1000 }),
        (delay, rate, seed) => {
          const arm = jerks(seed, 10);
          const cause = sampled(arm, 100, 10);
          const effect = sampled((time) => 3 + 7 * arm(time - delay), rate, 10);
          const found = estimateLatency(cause, effect)!;
          assert.ok(Math.abs(found.latency - delay) < 0.003, `${found.latency} for ${delay}`);
          assert.ok(found.correlation > 0.95);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('has a lower correlation where the image moves by itself', () => {
    const arm = jerks(1, 10);
    const noise = uniform(3);
    const noisy = sampled((time) => arm(time - 0.08) + 0.8 * noise(), 30, 10);
    const found = estimateLatency(sampled(arm, 100, 10), noisy)!;
    assert.ok(Math.abs(found.latency - 0.08) < 0.015);
    assert.ok(found.correlation < 0.95);
  });

  it('is none for a still image, for little in common, or later than the lags that are tried', () => {
    const arm = jerks(1, 10);
    const cause = sampled(arm, 100, 10);
    assert.equal(
      estimateLatency(
        cause,
        sampled(() => 4, 30, 10),
      ),
      undefined,
    );
    assert.equal(estimateLatency(cause, sampled(arm, 30, 1)), undefined);
    assert.equal(estimateLatency(cause, { times: [], values: [] }), undefined);
    const bump = (time: number) => Math.exp(-(((time - 5) / 0.3) ** 2));
    const late = sampled((time) => bump(time - 0.5), 30, 10);
    assert.equal(estimateLatency(sampled(bump, 100, 10), late), undefined);
  });
});

describe('the rate of change', () => {
  it('lies between two rows, a second', () => {
    const rows = [
      { stamp: 0n, value: 1 },
      { stamp: 100_000_000n, value: 3 },
      { stamp: 300_000_000n, value: 2 },
    ];
    assert.deepEqual(
      rateOfChange(rows, (a, b) => Math.abs(b - a)),
      { times: [50_000_000n, 200_000_000n], values: [20, 5] },
    );
  });

  it('takes rows of nearly one stamp for one, and loses no change by it', () => {
    const rows = [
      { stamp: 0n, value: 0 },
      { stamp: 500_000n, value: 1 },
      { stamp: 10_000_000n, value: 2 },
    ];
    assert.deepEqual(
      rateOfChange(rows, (a, b) => b - a),
      { times: [5_000_000n], values: [200] },
    );
    assert.deepEqual(
      rateOfChange([], () => 1),
      { times: [], values: [] },
    );
  });
});
