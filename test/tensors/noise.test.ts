import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { gaussianNoise } from '../../src/tensors/noise.ts';

const seed = fc.maxSafeNat();

describe('Gaussian noise', () => {
  it('is the same for the same seed, whatever the length', () => {
    fc.assert(
      fc.property(seed, fc.nat(33), (seed, length) => {
        assert.deepEqual(gaussianNoise(seed, length), gaussianNoise(seed, 64).slice(0, length));
      }),
    );
  });

  it('differs between seeds, in their high bits too', () => {
    fc.assert(
      fc.property(seed, seed, (a, b) => {
        fc.pre(a !== b);
        assert.notDeepEqual(gaussianNoise(a, 4), gaussianNoise(b, 4));
      }),
    );
    assert.notDeepEqual(gaussianNoise([1, 2], 4), gaussianNoise([2, 1], 4));
  });

  it('stays what it was in earlier versions', () => {
    assert.deepEqual(
      Array.from(gaussianNoise(42, 3)),
      [-1.4357280731201172, 0.18131348490715027, 0.4613189101219177],
    );
    assert.deepEqual(Array.from(gaussianNoise([7, 2 ** 40], 1)), [0.4066624045372009]);
  });

  it('has the moments of the standard normal distribution', () => {
    const noise = gaussianNoise(1, 200_000);
    const moment = (power: number) => noise.reduce((sum, x) => sum + x ** power, 0) / noise.length;
    const expected = [0, 1, 0, 3];
    expected.forEach((value, i) => {
      assert.ok(Math.abs(moment(i + 1) - value) < 0.05, `moment ${i + 1}: ${moment(i + 1)}`);
    });
  });

  it('is uncorrelated from one seed to the next', () => {
    const pairs = Array.from({ length: 20_000 }, (_, i) => gaussianNoise(i, 1)[0]);
    const correlation = pairs.slice(1).reduce((sum, x, i) => sum + x * pairs[i], 0) / pairs.length;
    assert.ok(Math.abs(correlation) < 0.03, `${correlation}`);
  });

  it('refuses what is no seed', () => {
    for (const wrong of [-1, 0.5, NaN, 2 ** 53])
      assert.throws(() => gaussianNoise(wrong, 1), RangeError);
  });
});
