import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isWorse, lineOf, newVersion } from '../../src/learning/versions.ts';
import { probabilityBelow, successInterval } from '../../src/tensors/successRates.ts';
import { uniformNumbers } from '../../src/tensors/noise.ts';

const counts = (successes: number, attempts: number) => ({ successes, attempts });

const anyCounts = fc
  .tuple(fc.nat(60), fc.nat(60))
  .map(([successes, failures]) => counts(successes, successes + failures));

describe('the probability that one version is worse than another', () => {
  it('is a half where nothing is known, and grows with the evidence', () => {
    assert.ok(Math.abs(probabilityBelow(counts(0, 0), counts(0, 0)) - 0.5) < 1e-12);
    // One failure against one success: P(Beta(1,2) < Beta(2,1)) = 5/6.
    assert.ok(Math.abs(probabilityBelow(counts(0, 1), counts(1, 1)) - 5 / 6) < 1e-12);
  });

  it('and that it is better add up to 1', () => {
    fc.assert(
      fc.property(anyCounts, anyCounts, (a, b) => {
        const sum = probabilityBelow(a, b) + probabilityBelow(b, a);
        assert.ok(Math.abs(sum - 1) < 1e-9, String(sum));
      }),
    );
  });

  it('is what drawing from both posteriors gives', () => {
    const draw = uniformNumbers(3);
    const beta = (a: number, b: number) => {
      const values = Array.from({ length: a + b - 1 }, draw).sort((x, y) => x - y);
      return values[a - 1];
    };
    let below = 0;
    for (let i = 0; i < 20_000; i++) below += Number(beta(8, 5) < beta(11, 3));
    assert.ok(Math.abs(probabilityBelow(counts(7, 11), counts(10, 12)) - below / 20_000) < 0.015);
  });
});

describe('a version', () => {
  it('is taken back only for a clear loss, and not on a handful of attempts', () => {
    assert.equal(isWorse(counts(0, 10), counts(50, 64)), false, 'ten attempts say little');
    assert.equal(isWorse(counts(40, 64), counts(45, 64)), false, 'as good as equal');
    assert.equal(isWorse(counts(25, 64), counts(45, 64)), true);
    assert.equal(isWorse(counts(60, 64), counts(45, 64)), false, 'better');
  });

  it('descends from its parents, each once, also in a folder that has a version twice', () => {
    const [first, second] = [newVersion('a', null), newVersion('b', 'a')];
    assert.deepEqual(lineOf([first, second], 'b'), [second, first]);
    assert.deepEqual(lineOf([first, second], 'c'), []);
    const again = newVersion('a', 'b');
    assert.deepEqual(lineOf([first, second, again], 'a'), [again, second]);
  });

  it('has an interval that holds its rate', () => {
    fc.assert(
      fc.property(anyCounts, (seen) => {
        const [low, high] = successInterval(seen);
        assert.ok(low >= -1e-9 && high <= 1 + 1e-9);
        const rate = seen.attempts === 0 ? 0.5 : seen.successes / seen.attempts;
        assert.ok(low - 1e-9 <= rate && rate <= high + 1e-9);
      }),
    );
    const [low, high] = successInterval(counts(50, 100));
    assert.ok(Math.abs(low - 0.4038) < 1e-3 && Math.abs(high - 0.5962) < 1e-3);
  });
});
